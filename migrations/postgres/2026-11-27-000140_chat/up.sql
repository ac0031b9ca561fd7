-- The SQLite twin has the same tables, columns and indexes; a test compares them.

-- One for each two people: low_id < high_id. last_id: the newest message, deleted or not.
CREATE TABLE chats (
  id BIGINT PRIMARY KEY NOT NULL,
  low_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  high_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  last_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX chats_pair ON chats (low_id, high_id);
CREATE INDEX chats_high ON chats (high_id);

-- A chat as one of the two sees it. position: what their list goes by, the newest message or the chat's own id.
-- state: 0 nothing yet, 1 they wrote or accepted, 2 the other's request waits for them, 3 they declined it.
-- horizon_id: what is not newer they have deleted for themselves.
CREATE TABLE chat_members (
  chat_id BIGINT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  other_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  visible BOOLEAN NOT NULL,
  state SMALLINT NOT NULL,
  unread_count BIGINT NOT NULL,
  last_read_id BIGINT NOT NULL,
  horizon_id BIGINT NOT NULL,
  PRIMARY KEY (chat_id, account_id)
);
CREATE INDEX chat_members_list ON chat_members (account_id, position) WHERE visible = TRUE;
CREATE INDEX chat_members_other ON chat_members (other_id);

-- ids sort messages: their time, then a hash of their uri. activity_id: what carries it to a remote partner.
-- form: what it travels as, ChatMessage or Note. encrypted: JSON {"type", "content"}.
CREATE TABLE chat_messages (
  id BIGINT PRIMARY KEY NOT NULL,
  chat_id BIGINT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  form TEXT NOT NULL,
  source TEXT NOT NULL,
  source_type TEXT NOT NULL,
  content TEXT NOT NULL,
  encrypted TEXT,
  emojis TEXT NOT NULL,
  reply_to_id BIGINT,
  quote_id BIGINT,
  shared_status_id BIGINT REFERENCES statuses (id) ON DELETE SET NULL,
  idempotency_key TEXT,
  activity_id BIGINT,
  created_at BIGINT NOT NULL,
  edited_at BIGINT,
  deleted_at BIGINT,
  delivered_at BIGINT,
  read_at BIGINT
);
CREATE UNIQUE INDEX chat_messages_uri ON chat_messages (uri);
CREATE INDEX chat_messages_chat ON chat_messages (chat_id, id);
CREATE UNIQUE INDEX chat_messages_key ON chat_messages (chat_id, account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX chat_messages_account ON chat_messages (account_id);
CREATE INDEX chat_messages_status ON chat_messages (shared_status_id) WHERE shared_status_id IS NOT NULL;
CREATE INDEX chat_messages_unread ON chat_messages (chat_id, account_id, id) WHERE read_at IS NULL;
CREATE INDEX chat_messages_activity ON chat_messages (activity_id) WHERE activity_id IS NOT NULL;

-- Messages that one of the two deleted for themselves.
CREATE TABLE chat_hidden (
  message_id BIGINT NOT NULL REFERENCES chat_messages (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (message_id, account_id)
);
CREATE INDEX chat_hidden_account ON chat_hidden (account_id);

-- Earlier versions; created_at: when that version was written.
CREATE TABLE chat_edits (
  id BIGINT PRIMARY KEY NOT NULL,
  message_id BIGINT NOT NULL REFERENCES chat_messages (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX chat_edits_message ON chat_edits (message_id, id);

-- name: an emoji, or the shortcode of a custom one, with @domain where it is not ours; url: its picture, or ''.
CREATE TABLE chat_reactions (
  message_id BIGINT NOT NULL REFERENCES chat_messages (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  uri TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (message_id, account_id, name)
);
CREATE INDEX chat_reactions_account ON chat_reactions (account_id);
CREATE INDEX chat_reactions_uri ON chat_reactions (uri) WHERE uri <> '';

-- Files of messages: the two alone see them. name: what the file was called, or ''.
CREATE TABLE chat_files (
  media_id BIGINT PRIMARY KEY NOT NULL REFERENCES media (id) ON DELETE CASCADE,
  message_id BIGINT REFERENCES chat_messages (id) ON DELETE SET NULL,
  position BIGINT NOT NULL,
  name TEXT NOT NULL
);
CREATE INDEX chat_files_message ON chat_files (message_id, position) WHERE message_id IS NOT NULL;
