DROP INDEX users_invite;
ALTER TABLE users DROP COLUMN invite_id;
DROP TABLE invites;
