DROP INDEX accounts_hidden_header;
DROP INDEX accounts_hidden_avatar;
