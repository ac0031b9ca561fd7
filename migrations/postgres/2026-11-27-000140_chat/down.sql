DROP TABLE chat_files;
DROP TABLE chat_reactions;
DROP TABLE chat_edits;
DROP TABLE chat_hidden;
DROP TABLE chat_messages;
DROP TABLE chat_members;
DROP TABLE chats;
