-- The span that a row comes from (W3C traceparent), where traces are kept: what is done about it later, maybe by another
-- process, belongs to the same trace.
ALTER TABLE inbox_queue ADD COLUMN trace TEXT;
ALTER TABLE outgoing_activities ADD COLUMN trace TEXT;
ALTER TABLE jobs ADD COLUMN trace TEXT;
