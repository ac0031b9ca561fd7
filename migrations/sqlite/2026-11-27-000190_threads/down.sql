ALTER TABLE account_stats DROP COLUMN statuses_beyond;
ALTER TABLE account_stats DROP COLUMN following_beyond;
ALTER TABLE account_stats DROP COLUMN followers_beyond;
DROP TABLE account_reads;
DROP TABLE thread_reads;
DROP TABLE replies_reads;
DROP TABLE quiet_statuses;
ALTER TABLE statuses DROP COLUMN replies;
ALTER TABLE statuses DROP COLUMN context;
