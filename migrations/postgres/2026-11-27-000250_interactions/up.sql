-- Bits: 1 it has a policy of its own for likes, replies or boosts; 2 it bears a stamp of the author it answers or boosts.
-- From here on, visibility may also be 16 or 32 more than it will be: it waits for the leave of whom it answers, or was refused it.
ALTER TABLE statuses ADD COLUMN consent SMALLINT NOT NULL DEFAULT 0;

-- Who may do what with a status, where that is not what it is without a row. verb: 0 quote, 1 like, 2 reply, 3 boost.
-- Bits: 1 everyone, 2 followers, 4 whom the author follows, 8 others, 16 mutuals, 32 those mentioned.
CREATE TABLE interaction_policies (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  verb SMALLINT NOT NULL,
  automatic SMALLINT NOT NULL,
  manual SMALLINT NOT NULL,
  PRIMARY KEY (status_id, verb)
);
INSERT INTO interaction_policies (status_id, verb, automatic, manual)
  SELECT status_id, 0, automatic, manual FROM quote_policies;
DROP TABLE quote_policies;

-- Stamps of local authors that let something be done with a status of theirs (FEP-044f for quotes).
CREATE TABLE interaction_authorizations (
  id BIGINT PRIMARY KEY NOT NULL,
  verb SMALLINT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  interacting_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
INSERT INTO interaction_authorizations (id, verb, account_id, status_id, interacting_uri, created_at)
  SELECT id, 0, account_id, status_id, quoting_uri, created_at FROM quote_authorizations;
DROP TABLE quote_authorizations;
CREATE UNIQUE INDEX interaction_authorizations_pair ON interaction_authorizations (status_id, verb, interacting_uri);
CREATE INDEX interaction_authorizations_account ON interaction_authorizations (account_id);

-- Likes, replies and boosts that need leave, and what became of them. state: 0 pending, 1 accepted, 2 rejected.
-- account_id asks, target_id decides; visibility is the boost's.
CREATE TABLE interaction_requests (
  id BIGINT PRIMARY KEY NOT NULL,
  verb SMALLINT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  reply_id BIGINT REFERENCES statuses (id) ON DELETE CASCADE,
  visibility SMALLINT NOT NULL,
  state SMALLINT NOT NULL,
  interaction_uri TEXT NOT NULL,
  request_uri TEXT NOT NULL,
  stamp_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT
);
CREATE INDEX interaction_requests_waiting ON interaction_requests (target_id, id) WHERE state = 0;
CREATE INDEX interaction_requests_target ON interaction_requests (target_id);
CREATE INDEX interaction_requests_account ON interaction_requests (account_id);
CREATE INDEX interaction_requests_status ON interaction_requests (status_id, verb, account_id);
CREATE INDEX interaction_requests_reply ON interaction_requests (reply_id) WHERE reply_id IS NOT NULL;
CREATE INDEX interaction_requests_interaction ON interaction_requests (interaction_uri);
CREATE INDEX interaction_requests_request ON interaction_requests (request_uri) WHERE request_uri <> '';
CREATE INDEX interaction_requests_stamp ON interaction_requests (stamp_uri) WHERE stamp_uri <> '';
