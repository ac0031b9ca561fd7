ALTER TABLE users DROP COLUMN leaves_at;
ALTER TABLE users DROP COLUMN leaving_at;
