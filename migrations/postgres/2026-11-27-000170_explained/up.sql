-- What one account sent, newest first: for those who ask why something did not arrive.
CREATE INDEX outgoing_activities_account ON outgoing_activities (account_id, id);
-- What was set aside, to be looked at and tried again.
CREATE INDEX inbox_queue_set_aside ON inbox_queue (id) WHERE state = 2;
