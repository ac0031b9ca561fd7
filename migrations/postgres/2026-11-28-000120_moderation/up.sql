-- When moderators said that all files of an account are to be shown as sensitive.
ALTER TABLE accounts ADD COLUMN sensitized_at BIGINT;

-- Strikes: what moderators did to accounts that live here, for their owners to read. account_id: who did it; NULL: the
-- command line. status_ids: a JSON list. appeal_hash: of the secret in the letter, by which those appeal who cannot sign in.
CREATE TABLE account_warnings (
  id BIGINT PRIMARY KEY NOT NULL,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  account_id BIGINT,
  report_id BIGINT,
  action TEXT NOT NULL,
  text TEXT NOT NULL,
  status_ids TEXT NOT NULL,
  appeal_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  overruled_at BIGINT
);
CREATE INDEX account_warnings_target ON account_warnings (target_id, id);
CREATE INDEX account_warnings_appeal_hash ON account_warnings (appeal_hash) WHERE appeal_hash <> '';

-- One for each strike at most. state: 0 pending, 1 approved, 2 rejected. decided_by_id is NULL for the command line.
CREATE TABLE appeals (
  id BIGINT PRIMARY KEY NOT NULL,
  warning_id BIGINT NOT NULL REFERENCES account_warnings (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  text TEXT NOT NULL,
  state SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT,
  decided_by_id BIGINT
);
CREATE UNIQUE INDEX appeals_warning ON appeals (warning_id);
CREATE INDEX appeals_account ON appeals (account_id);
CREATE INDEX appeals_state ON appeals (state, id);

-- Who did what to what. Names are kept as they were then: what they name may be gone. account_id is NULL for the command
-- line. details: JSON.
CREATE TABLE audit_log (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target_type TEXT NOT NULL,
  target_id BIGINT,
  target TEXT NOT NULL,
  details TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX audit_log_account ON audit_log (account_id, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_target ON audit_log (target_type, target_id, id);

-- What moderators look for.
CREATE INDEX accounts_suspended ON accounts (id) WHERE suspended_at IS NOT NULL;
CREATE INDEX accounts_silenced ON accounts (id) WHERE silenced_at IS NOT NULL;
CREATE INDEX accounts_sensitized ON accounts (id) WHERE sensitized_at IS NOT NULL;
CREATE INDEX accounts_display_name ON accounts (lower(display_name)) WHERE display_name <> '';
CREATE INDEX users_pending ON users (account_id) WHERE approved_at IS NULL;
CREATE INDEX users_disabled ON users (account_id) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_staff ON users (account_id) WHERE role <> 'user';
CREATE INDEX tokens_ip ON tokens (ip) WHERE ip <> '';
CREATE INDEX reports_open_target ON reports (target_id, id) WHERE action_taken_at IS NULL;
