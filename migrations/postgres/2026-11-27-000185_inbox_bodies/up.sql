-- Activities as they came, by their row of inbox_queue: what becomes of one is written without writing its text again.
CREATE TABLE inbox_bodies (
  id BIGINT PRIMARY KEY NOT NULL,
  body TEXT NOT NULL
);
INSERT INTO inbox_bodies SELECT id, body FROM inbox_queue WHERE body <> '';
ALTER TABLE inbox_queue DROP COLUMN body;
