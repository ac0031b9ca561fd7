ALTER TABLE jobs DROP COLUMN trace;
ALTER TABLE outgoing_activities DROP COLUMN trace;
ALTER TABLE inbox_queue DROP COLUMN trace;
