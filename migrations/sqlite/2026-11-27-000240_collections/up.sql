-- Featured collections (FEP-7aa9), ours and others'. description: clean HTML. tag: as written, without #.
CREATE TABLE collections (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  url TEXT NOT NULL,
  local BOOLEAN NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  language TEXT NOT NULL,
  tag TEXT NOT NULL,
  sensitive BOOLEAN NOT NULL,
  discoverable BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX collections_uri ON collections (uri);
CREATE INDEX collections_account ON collections (account_id, created_at, id);

-- Who is in them. account_id: NULL until the actor is known here. state: 0 pending, 1 accepted, 2 rejected,
-- 3 revoked. uri: '' until its owner's server tells it. tries: vain looks for the stamp.
CREATE TABLE collection_items (
  id INTEGER PRIMARY KEY NOT NULL,
  collection_id BIGINT NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
  account_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
  object_uri TEXT NOT NULL,
  uri TEXT NOT NULL,
  state SMALLINT NOT NULL,
  position BIGINT NOT NULL,
  request_uri TEXT NOT NULL,
  approval_uri TEXT NOT NULL,
  tries SMALLINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX collection_items_object ON collection_items (collection_id, object_uri);
CREATE INDEX collection_items_account ON collection_items (account_id, state, id);
CREATE INDEX collection_items_request ON collection_items (request_uri) WHERE request_uri <> '';
CREATE INDEX collection_items_approval ON collection_items (approval_uri) WHERE approval_uri <> '';

-- Stamps of local accounts: leave to be in a collection. What was revoked is not given again.
CREATE TABLE feature_authorizations (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  collection_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE UNIQUE INDEX feature_authorizations_pair ON feature_authorizations (account_id, collection_uri);
CREATE INDEX feature_authorizations_collection ON feature_authorizations (collection_uri);
