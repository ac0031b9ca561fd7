-- Server processes that run, each with the time it was last known to.
CREATE TABLE processes (
  id BIGINT PRIMARY KEY NOT NULL,
  seen_at BIGINT NOT NULL
);

-- Access tokens that listen to streams, and to which, by process. Rows of a process that is not
-- known to run any more count for nothing.
CREATE TABLE connections (
  process_id BIGINT NOT NULL,
  token_id BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  -- Names of streams, by spaces.
  streams TEXT NOT NULL,
  PRIMARY KEY (process_id, token_id)
);
CREATE INDEX connections_token ON connections (token_id);
CREATE INDEX connections_account ON connections (account_id);

-- When accounts were last there.
CREATE TABLE last_seen (
  account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  seen_at BIGINT NOT NULL
);

-- What one account missed is read in the log's order.
DROP INDEX events_account;
CREATE INDEX events_account ON events (account_id, xid, id) WHERE account_id IS NOT NULL;
