DROP INDEX accounts_delivery_host;
DROP TABLE follower_digests;
DROP INDEX mutes_target;
DROP TABLE account_moves;
