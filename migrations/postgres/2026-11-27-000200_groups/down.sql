DROP INDEX pins_pair;
DELETE FROM pins WHERE account_id <> (SELECT account_id FROM statuses WHERE statuses.id = pins.status_id);
CREATE UNIQUE INDEX pins_status ON pins (status_id);
ALTER TABLE tombstones DROP COLUMN by_author;
DROP TABLE group_votes;
DROP TABLE group_posts;
