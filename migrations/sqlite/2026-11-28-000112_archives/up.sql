-- Archives of what users have here. file: a storage key; ready_at: when it was written.
CREATE TABLE account_archives (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  file TEXT NOT NULL,
  size BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  ready_at BIGINT,
  expires_at BIGINT NOT NULL
);
CREATE INDEX account_archives_account ON account_archives (account_id, id);
CREATE INDEX account_archives_expires_at ON account_archives (expires_at);
