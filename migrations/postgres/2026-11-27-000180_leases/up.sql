-- The process that works on it, as inbox_queue says it.
ALTER TABLE deliveries ADD COLUMN leased_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN leased_by BIGINT NOT NULL DEFAULT 0;
