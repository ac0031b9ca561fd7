-- Second factors, changed usernames, what profiles show besides, and how users want to be reached in chats.

-- A user's second factor (RFC 6238): asked for once it was confirmed. secret is sealed.
-- last_step: the newest time step whose code was taken. tries: wrong codes since tried_at.
CREATE TABLE totp (
  account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  secret TEXT NOT NULL,
  confirmed_at BIGINT,
  last_step BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  tried_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

-- What is taken in the place of a code, once each.
CREATE TABLE recovery_codes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (account_id, code_hash)
);

-- Names that local accounts had: they lead to the same account for ever.
CREATE TABLE former_usernames (
  username_lower TEXT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  changed_at BIGINT NOT NULL
);
CREATE INDEX former_usernames_account ON former_usernames (account_id);

ALTER TABLE account_profiles ADD COLUMN location TEXT NOT NULL DEFAULT '';
ALTER TABLE account_profiles ADD COLUMN status_text TEXT NOT NULL DEFAULT '';
ALTER TABLE account_profiles ADD COLUMN status_emoji TEXT NOT NULL DEFAULT '';
ALTER TABLE account_profiles ADD COLUMN status_expires_at BIGINT;

-- chat_policy: mutuals, followers or anyone.
ALTER TABLE users ADD COLUMN chat_policy TEXT NOT NULL DEFAULT 'mutuals';
ALTER TABLE users ADD COLUMN message_requests BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN read_receipts BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE users ADD COLUMN presence BOOLEAN NOT NULL DEFAULT TRUE;
