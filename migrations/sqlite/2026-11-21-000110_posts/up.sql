-- The versions of edited statuses, the newest included. media: JSON, [{"id", "description"}];
-- options: JSON, titles of the poll's options.
CREATE TABLE status_edits (
  id INTEGER PRIMARY KEY NOT NULL,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  content TEXT NOT NULL,
  spoiler_text TEXT NOT NULL,
  sensitive BOOLEAN NOT NULL,
  emojis TEXT NOT NULL,
  media TEXT NOT NULL,
  options TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX status_edits_status ON status_edits (status_id, id);

-- voters_count is NULL where a server does not tell, expires_at where a poll has no end.
CREATE TABLE polls (
  id INTEGER PRIMARY KEY NOT NULL,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  multiple BOOLEAN NOT NULL,
  hide_totals BOOLEAN NOT NULL,
  voters_count BIGINT,
  expires_at BIGINT,
  fetched_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX polls_status ON polls (status_id);

CREATE TABLE poll_options (
  poll_id BIGINT NOT NULL REFERENCES polls (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  title TEXT NOT NULL,
  votes_count BIGINT NOT NULL,
  PRIMARY KEY (poll_id, position)
) WITHOUT ROWID;

-- Of everyone in local polls, of local accounts in others.
CREATE TABLE poll_votes (
  id INTEGER PRIMARY KEY NOT NULL,
  poll_id BIGINT NOT NULL REFERENCES polls (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  choice BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX poll_votes_choice ON poll_votes (poll_id, account_id, choice);
CREATE INDEX poll_votes_account ON poll_votes (account_id);

-- draft: the status to be, as JSON.
CREATE TABLE scheduled_statuses (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  scheduled_at BIGINT NOT NULL,
  draft TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX scheduled_statuses_account ON scheduled_statuses (account_id, id);
CREATE INDEX scheduled_statuses_time ON scheduled_statuses (account_id, scheduled_at);

-- Uploads that wait for a scheduled status.
CREATE TABLE scheduled_media (
  media_id INTEGER PRIMARY KEY NOT NULL REFERENCES media (id) ON DELETE CASCADE,
  scheduled_status_id BIGINT NOT NULL REFERENCES scheduled_statuses (id) ON DELETE CASCADE
);
CREATE INDEX scheduled_media_status ON scheduled_media (scheduled_status_id);

CREATE TABLE pins (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pins_status ON pins (status_id);
CREATE INDEX pins_account ON pins (account_id, id);

-- Threads that an account hears nothing of: the conversation_id of their statuses.
CREATE TABLE thread_mutes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  conversation_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, conversation_id)
) WITHOUT ROWID;
CREATE INDEX thread_mutes_conversation ON thread_mutes (conversation_id);

-- replies_policy: followed, list or none. exclusive: what is in it is not in the home.
CREATE TABLE lists (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  replies_policy TEXT NOT NULL,
  exclusive BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX lists_account ON lists (account_id, id);

CREATE TABLE list_members (
  id INTEGER PRIMARY KEY NOT NULL,
  list_id BIGINT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX list_members_pair ON list_members (list_id, account_id);
CREATE INDEX list_members_list ON list_members (list_id, id);
CREATE INDEX list_members_account ON list_members (account_id, list_id);

-- List timelines, written when a status arrives, as home_entries is.
CREATE TABLE list_entries (
  list_id BIGINT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  author_id BIGINT NOT NULL,
  PRIMARY KEY (list_id, status_id)
) WITHOUT ROWID;
CREATE INDEX list_entries_status ON list_entries (status_id);
CREATE INDEX list_entries_author ON list_entries (list_id, author_id);

-- Direct statuses of a thread among the same people, as one of them sees them.
-- participants: ids of the others, ascending, by commas.
CREATE TABLE conversations (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  thread_id BIGINT NOT NULL,
  participants TEXT NOT NULL,
  last_status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  unread BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX conversations_same ON conversations (account_id, thread_id, participants);
CREATE INDEX conversations_account ON conversations (account_id, last_status_id);
CREATE INDEX conversations_last ON conversations (last_status_id);
CREATE INDEX conversations_thread ON conversations (thread_id);

CREATE TABLE conversation_statuses (
  conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  PRIMARY KEY (conversation_id, status_id)
) WITHOUT ROWID;
CREATE INDEX conversation_statuses_status ON conversation_statuses (status_id);

-- How far an account has read a timeline: home or notifications.
CREATE TABLE markers (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  timeline TEXT NOT NULL,
  last_read_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, timeline)
) WITHOUT ROWID;
