-- The SQLite twin has the same tables, columns and indexes; a test compares them.

-- Uploads that are still worked on, and those that came to nothing (error <> ''). source is the storage key of
-- what was uploaded; file and preview those of what the work is about to store.
CREATE TABLE media_work (
  media_id BIGINT PRIMARY KEY NOT NULL REFERENCES media (id) ON DELETE CASCADE,
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  preview TEXT NOT NULL,
  error TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Copies of files from elsewhere, and fetches that failed (file = '', not tried again before retry_at).
-- hash: SHA-256 of what it is shown as and its address.
CREATE TABLE remote_files (
  hash TEXT PRIMARY KEY NOT NULL,
  url TEXT NOT NULL,
  file TEXT NOT NULL,
  preview TEXT NOT NULL,
  size BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  error TEXT NOT NULL,
  retry_at BIGINT NOT NULL,
  fetched_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX remote_files_used ON remote_files (used_at) WHERE size > 0;
CREATE INDEX remote_files_failed ON remote_files (retry_at) WHERE size = 0;

-- Bytes of all copies together, changed with them: one row, of id 1.
CREATE TABLE remote_files_total (
  id BIGINT PRIMARY KEY NOT NULL,
  bytes BIGINT NOT NULL
);
