DROP INDEX refresh_tokens_account;
DROP INDEX polls_account;
DROP INDEX oauth_codes_account;
DROP INDEX chat_members_account;
