DELETE FROM statuses WHERE visibility >= 16;
DROP TABLE interaction_requests;
CREATE TABLE quote_authorizations (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  quoting_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
INSERT INTO quote_authorizations (id, account_id, status_id, quoting_uri, created_at)
  SELECT id, account_id, status_id, interacting_uri, created_at FROM interaction_authorizations WHERE verb = 0;
DROP TABLE interaction_authorizations;
CREATE UNIQUE INDEX quote_authorizations_pair ON quote_authorizations (status_id, quoting_uri);
CREATE INDEX quote_authorizations_account ON quote_authorizations (account_id);
CREATE TABLE quote_policies (
  status_id INTEGER PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  automatic SMALLINT NOT NULL,
  manual SMALLINT NOT NULL
);
INSERT INTO quote_policies (status_id, automatic, manual)
  SELECT status_id, automatic, manual FROM interaction_policies WHERE verb = 0;
DROP TABLE interaction_policies;
ALTER TABLE statuses DROP COLUMN consent;
