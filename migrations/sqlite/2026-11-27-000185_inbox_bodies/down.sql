ALTER TABLE inbox_queue ADD COLUMN body TEXT NOT NULL DEFAULT '';
UPDATE inbox_queue SET body = (SELECT b.body FROM inbox_bodies b WHERE b.id = inbox_queue.id)
  WHERE EXISTS (SELECT 1 FROM inbox_bodies b WHERE b.id = inbox_queue.id);
DROP TABLE inbox_bodies;
