DROP INDEX inbox_queue_set_aside;
DROP INDEX outgoing_activities_account;
