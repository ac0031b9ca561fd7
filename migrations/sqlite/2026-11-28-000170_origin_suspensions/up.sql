-- Accounts elsewhere that their own server suspended: since when it said so. accounts.suspended_at is the same where nothing
-- else suspends them.
CREATE TABLE origin_suspensions (
  account_id INTEGER PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  since BIGINT NOT NULL
);
