DROP TABLE origin_suspensions;
