-- Since when a user wants their account deleted, and when it will be. Their account is suspended from `leaving_at` on:
-- where it is suspended since another time, moderators did that.
ALTER TABLE users ADD COLUMN leaving_at BIGINT;
ALTER TABLE users ADD COLUMN leaves_at BIGINT;
