DROP TABLE feature_authorizations;
DROP TABLE collection_items;
DROP TABLE collections;
