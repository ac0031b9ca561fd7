-- Accounts that moved: ours, and those elsewhere whose followers here were moved.
CREATE TABLE account_moves (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  followers BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX account_moves_account ON account_moves (account_id, created_at);
CREATE INDEX account_moves_target ON account_moves (target_id);
CREATE INDEX mutes_target ON mutes (target_id, id);

-- digest_0 to digest_3: the SHA-256 of the ids of those followers of an account who live on an
-- origin, exclusive-or (FEP-8fcf). A row is there once somebody asked for it.
CREATE TABLE follower_digests (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  origin TEXT NOT NULL,
  digest_0 BIGINT NOT NULL,
  digest_1 BIGINT NOT NULL,
  digest_2 BIGINT NOT NULL,
  digest_3 BIGINT NOT NULL,
  PRIMARY KEY (account_id, origin)
);
-- Whoever is delivered to at a host, whichever domain their handles are of.
CREATE INDEX accounts_delivery_host ON accounts (delivery_host, id);
