DROP INDEX events_account;
CREATE INDEX events_account ON events (account_id, id) WHERE account_id IS NOT NULL;
DROP TABLE last_seen;
DROP TABLE connections;
DROP TABLE processes;
