-- Codes that let people register: as often as `max_uses` says, until they end.
CREATE TABLE invites (
  id INTEGER PRIMARY KEY NOT NULL,
  code TEXT NOT NULL,
  -- The local account that answers for whom it brings; none of the command line's own.
  account_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
  max_uses BIGINT,
  uses BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
);
CREATE UNIQUE INDEX invites_code ON invites (code);
CREATE INDEX invites_account ON invites (account_id) WHERE account_id IS NOT NULL;

-- What a user was invited with.
ALTER TABLE users ADD COLUMN invite_id BIGINT REFERENCES invites (id) ON DELETE SET NULL;
CREATE INDEX users_invite ON users (invite_id) WHERE invite_id IS NOT NULL;
