-- Notifications of kinds that Mastodon's API does not have. Lists go by one sort or by both.
ALTER TABLE notifications ADD COLUMN kith BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX notifications_account;
CREATE INDEX notifications_sort ON notifications (account_id, kith, id);
CREATE INDEX notifications_unread ON notifications (account_id, kith, id) WHERE read_at IS NULL;

-- Whether the user hears of dislikes.
ALTER TABLE users ADD COLUMN notify_dislikes BOOLEAN NOT NULL DEFAULT FALSE;

-- status: pending, accepted, rejected or cancelled. uri: the Follow that asked.
CREATE TABLE friend_requests (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT
);
CREATE UNIQUE INDEX friend_requests_pair ON friend_requests (account_id, target_id);
CREATE INDEX friend_requests_outgoing ON friend_requests (account_id, id);
CREATE INDEX friend_requests_outgoing_status ON friend_requests (account_id, status, id);
CREATE INDEX friend_requests_incoming ON friend_requests (target_id, id);
CREATE INDEX friend_requests_incoming_status ON friend_requests (target_id, status, id);

-- draft: a status that may be posted some day, as JSON.
CREATE TABLE drafts (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  draft TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX drafts_account ON drafts (account_id, id);

-- Uploads that wait for a draft.
CREATE TABLE draft_media (
  draft_id BIGINT NOT NULL REFERENCES drafts (id) ON DELETE CASCADE,
  media_id BIGINT NOT NULL REFERENCES media (id) ON DELETE CASCADE,
  PRIMARY KEY (draft_id, media_id)
) WITHOUT ROWID;
CREATE INDEX draft_media_media ON draft_media (media_id);

-- name_key: the name as it is compared.
CREATE TABLE bookmark_folders (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX bookmark_folders_name ON bookmark_folders (account_id, name_key);

-- What is no bookmark any more is in no folder.
CREATE TABLE bookmark_folder_items (
  id INTEGER PRIMARY KEY NOT NULL,
  folder_id BIGINT NOT NULL REFERENCES bookmark_folders (id) ON DELETE CASCADE,
  bookmark_id BIGINT NOT NULL REFERENCES bookmarks (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL
);
CREATE UNIQUE INDEX bookmark_folder_items_pair ON bookmark_folder_items (folder_id, bookmark_id);
CREATE INDEX bookmark_folder_items_folder ON bookmark_folder_items (folder_id, id);
CREATE INDEX bookmark_folder_items_bookmark ON bookmark_folder_items (bookmark_id);
