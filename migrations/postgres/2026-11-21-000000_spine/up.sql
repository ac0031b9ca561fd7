-- Times are milliseconds since the epoch. Ids are time-ordered (see src/ids.rs) but for the event log's.
-- The SQLite twin has the same tables, columns and indexes; a test compares them.

-- Local and remote people alike. domain is '' for local ones.
-- delivery_url is the shared inbox where there is one, else the inbox.
CREATE TABLE accounts (
  id BIGINT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL,
  username_lower TEXT NOT NULL,
  domain TEXT NOT NULL,
  uri TEXT NOT NULL,
  url TEXT NOT NULL,
  kind TEXT NOT NULL,
  display_name TEXT NOT NULL,
  note TEXT NOT NULL,
  fields TEXT NOT NULL,
  emojis TEXT NOT NULL,
  avatar TEXT NOT NULL,
  avatar_description TEXT NOT NULL,
  header TEXT NOT NULL,
  header_description TEXT NOT NULL,
  inbox_url TEXT NOT NULL,
  delivery_url TEXT NOT NULL,
  delivery_host TEXT NOT NULL,
  followers_url TEXT NOT NULL,
  endpoints TEXT NOT NULL,
  locked BOOLEAN NOT NULL,
  discoverable BOOLEAN NOT NULL,
  indexable BOOLEAN NOT NULL,
  hide_collections BOOLEAN NOT NULL,
  also_known_as TEXT NOT NULL,
  moved_to TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  fetched_at BIGINT NOT NULL,
  suspended_at BIGINT,
  silenced_at BIGINT,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX accounts_uri ON accounts (uri);
CREATE UNIQUE INDEX accounts_handle ON accounts (username_lower, domain);
CREATE INDEX accounts_url ON accounts (url);
CREATE INDEX accounts_domain ON accounts (domain, id);
CREATE INDEX accounts_followers_url ON accounts (followers_url) WHERE followers_url <> '';

CREATE TABLE account_stats (
  account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  followers_count BIGINT NOT NULL,
  following_count BIGINT NOT NULL,
  statuses_count BIGINT NOT NULL,
  last_status_at BIGINT
);

-- Public keys of everyone, private keys of local actors.
CREATE TABLE account_keys (
  key_id TEXT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  public_key TEXT NOT NULL,
  private_key TEXT,
  created_at BIGINT NOT NULL
);
CREATE INDEX account_keys_account ON account_keys (account_id);

-- The sign-in side of a local account.
CREATE TABLE users (
  account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  email_lower TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  locale TEXT NOT NULL,
  settings TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  approved_at BIGINT,
  disabled_at BIGINT,
  last_sign_in_at BIGINT
);
CREATE UNIQUE INDEX users_email ON users (email_lower);

-- One-time codes sent by mail: the newest of an account and purpose counts.
CREATE TABLE one_time_codes (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  tries BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX one_time_codes_account ON one_time_codes (account_id, purpose, id);

CREATE TABLE apps (
  id BIGINT PRIMARY KEY NOT NULL,
  client_id TEXT NOT NULL,
  client_secret TEXT NOT NULL,
  name TEXT NOT NULL,
  website TEXT,
  redirect_uris TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX apps_client_id ON apps (client_id);

CREATE TABLE oauth_codes (
  code_hash TEXT PRIMARY KEY NOT NULL,
  app_id BIGINT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  redirect_uri TEXT NOT NULL,
  scopes TEXT NOT NULL,
  challenge TEXT,
  challenge_method TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT,
  token_id BIGINT
);

-- Access tokens; the id is the JWT's jti. account_id is NULL for an app's own token.
CREATE TABLE tokens (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE,
  app_id BIGINT REFERENCES apps (id) ON DELETE CASCADE,
  family_id BIGINT,
  scopes TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id, id);
CREATE INDEX tokens_family ON tokens (family_id) WHERE family_id IS NOT NULL;

CREATE TABLE refresh_tokens (
  token_hash TEXT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  family_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  spent_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);

-- Browser sessions of the sign-in pages.
CREATE TABLE web_sessions (
  session_hash TEXT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX web_sessions_account ON web_sessions (account_id);

-- visibility: 0 public, 1 unlisted, 2 followers, 3 direct, 4 mutuals.
-- conversation_id is the id of the thread's first status known here.
CREATE TABLE statuses (
  id BIGINT PRIMARY KEY NOT NULL,
  uri TEXT NOT NULL,
  url TEXT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  local BOOLEAN NOT NULL,
  local_only BOOLEAN NOT NULL,
  visibility SMALLINT NOT NULL,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  content TEXT NOT NULL,
  source TEXT NOT NULL,
  source_type TEXT NOT NULL,
  spoiler_text TEXT NOT NULL,
  sensitive BOOLEAN NOT NULL,
  language TEXT,
  in_reply_to_id BIGINT,
  in_reply_to_account_id BIGINT,
  in_reply_to_uri TEXT,
  reblog_of_id BIGINT,
  conversation_id BIGINT NOT NULL,
  app_id BIGINT,
  emojis TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  edited_at BIGINT,
  fetched_at BIGINT
);
CREATE UNIQUE INDEX statuses_uri ON statuses (uri);
CREATE INDEX statuses_url ON statuses (url) WHERE local = FALSE AND reblog_of_id IS NULL;
CREATE INDEX statuses_account ON statuses (account_id, id);
CREATE INDEX statuses_account_own ON statuses (account_id, id) WHERE reblog_of_id IS NULL;
CREATE INDEX statuses_reply ON statuses (in_reply_to_id, id) WHERE in_reply_to_id IS NOT NULL;
CREATE INDEX statuses_orphan ON statuses (in_reply_to_uri) WHERE in_reply_to_uri IS NOT NULL AND in_reply_to_id IS NULL;
CREATE UNIQUE INDEX statuses_reblog ON statuses (reblog_of_id, account_id) WHERE reblog_of_id IS NOT NULL;
CREATE INDEX statuses_conversation ON statuses (conversation_id, id);
CREATE INDEX statuses_public ON statuses (id) WHERE visibility = 0 AND reblog_of_id IS NULL;
CREATE INDEX statuses_public_local ON statuses (id) WHERE visibility = 0 AND reblog_of_id IS NULL AND local = TRUE;

CREATE TABLE status_stats (
  status_id BIGINT PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  replies_count BIGINT NOT NULL,
  reblogs_count BIGINT NOT NULL,
  favourites_count BIGINT NOT NULL
);

CREATE TABLE mentions (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (status_id, account_id)
);
CREATE INDEX mentions_account ON mentions (account_id, status_id);

CREATE TABLE tags (
  id BIGINT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tags_name ON tags (name);

CREATE TABLE status_tags (
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  PRIMARY KEY (tag_id, status_id)
);
CREATE INDEX status_tags_status ON status_tags (status_id);

-- Attachments. file and preview are storage keys (ours) or '' where only remote_url is known.
CREATE TABLE media (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT REFERENCES statuses (id) ON DELETE SET NULL,
  position BIGINT NOT NULL,
  kind TEXT NOT NULL,
  mime TEXT NOT NULL,
  file TEXT NOT NULL,
  preview TEXT NOT NULL,
  remote_url TEXT NOT NULL,
  description TEXT NOT NULL,
  blurhash TEXT NOT NULL,
  meta TEXT NOT NULL,
  size BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX media_status ON media (status_id, position) WHERE status_id IS NOT NULL;
CREATE INDEX media_unattached ON media (created_at) WHERE status_id IS NULL;
CREATE INDEX media_account ON media (account_id, id);

CREATE TABLE follows (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  reblogs BOOLEAN NOT NULL,
  notify BOOLEAN NOT NULL,
  languages TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX follows_pair ON follows (account_id, target_id);
CREATE INDEX follows_target ON follows (target_id, id);
CREATE INDEX follows_account ON follows (account_id, id);

CREATE TABLE follow_requests (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  reblogs BOOLEAN NOT NULL,
  notify BOOLEAN NOT NULL,
  languages TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX follow_requests_pair ON follow_requests (account_id, target_id);
CREATE INDEX follow_requests_target ON follow_requests (target_id, id);

CREATE TABLE blocks (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX blocks_pair ON blocks (account_id, target_id);
CREATE INDEX blocks_target ON blocks (target_id, account_id);

CREATE TABLE mutes (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  notifications BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE UNIQUE INDEX mutes_pair ON mutes (account_id, target_id);

CREATE TABLE favourites (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX favourites_pair ON favourites (account_id, status_id);
CREATE INDEX favourites_status ON favourites (status_id, id);
CREATE INDEX favourites_account ON favourites (account_id, id);

CREATE TABLE bookmarks (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX bookmarks_pair ON bookmarks (account_id, status_id);
CREATE INDEX bookmarks_status ON bookmarks (status_id);
CREATE INDEX bookmarks_account ON bookmarks (account_id, id);

CREATE TABLE notifications (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  status_id BIGINT REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  read_at BIGINT
);
CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_status ON notifications (status_id) WHERE status_id IS NOT NULL;
CREATE INDEX notifications_from ON notifications (account_id, from_account_id, kind);

-- Home timelines, written when a status arrives.
CREATE TABLE home_entries (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  author_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, status_id)
);
CREATE INDEX home_entries_status ON home_entries (status_id);
CREATE INDEX home_entries_author ON home_entries (account_id, author_id);

-- What was deleted stays deleted, and answers 410.
CREATE TABLE tombstones (
  uri TEXT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL,
  deleted_at BIGINT NOT NULL
);
CREATE INDEX tombstones_deleted_at ON tombstones (deleted_at);

CREATE TABLE idempotency_keys (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  idempotency_key TEXT NOT NULL,
  status_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, idempotency_key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- severity: limit or block.
CREATE TABLE domain_policies (
  domain TEXT PRIMARY KEY NOT NULL,
  severity TEXT NOT NULL,
  reject_media BOOLEAN NOT NULL,
  public_comment TEXT NOT NULL,
  private_comment TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- What is known of each server we talk to. signature: '' unknown, 'cavage' or 'rfc9421'.
CREATE TABLE hosts (
  host TEXT PRIMARY KEY NOT NULL,
  signature TEXT NOT NULL,
  failures BIGINT NOT NULL,
  failing_since BIGINT,
  retry_at BIGINT,
  last_success_at BIGINT,
  last_error TEXT NOT NULL
);

-- Received activities, durable before they are acknowledged. state: 0 waiting, 1 done, 2 set aside.
CREATE TABLE inbox_queue (
  id BIGINT PRIMARY KEY NOT NULL,
  activity_uri TEXT NOT NULL,
  actor_uri TEXT NOT NULL,
  kind TEXT NOT NULL,
  state SMALLINT NOT NULL,
  attempts BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  leased_by BIGINT NOT NULL,
  last_error TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX inbox_queue_activity ON inbox_queue (activity_uri);
CREATE INDEX inbox_queue_waiting ON inbox_queue (id) WHERE state = 0;
CREATE INDEX inbox_queue_leased ON inbox_queue (actor_uri) WHERE state = 0 AND leased_until > 0;
CREATE INDEX inbox_queue_received ON inbox_queue (received_at) WHERE state <> 0;

-- Outgoing activities: payload is the typed value of domain::outgoing as JSON.
CREATE TABLE outgoing_activities (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX outgoing_activities_created_at ON outgoing_activities (created_at);

-- One row per activity and inbox. state: 0 waiting, 1 delivered, 2 given up.
-- A leased row has leased_until > 0, and its next_at is the end of the lease.
CREATE TABLE deliveries (
  id BIGSERIAL PRIMARY KEY,
  activity_id BIGINT NOT NULL REFERENCES outgoing_activities (id) ON DELETE CASCADE,
  inbox TEXT NOT NULL,
  host TEXT NOT NULL,
  state SMALLINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  done_at BIGINT,
  answer BIGINT,
  last_error TEXT NOT NULL
);
CREATE UNIQUE INDEX deliveries_activity ON deliveries (activity_id, inbox);
CREATE INDEX deliveries_waiting ON deliveries (host, next_at, id) WHERE state = 0;
CREATE INDEX deliveries_done ON deliveries (done_at) WHERE state <> 0;

-- Everything else that is done later.
CREATE TABLE jobs (
  id BIGINT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  unique_key TEXT,
  payload TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  failed_at BIGINT,
  last_error TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX jobs_due ON jobs (run_at) WHERE failed_at IS NULL;

-- The event log: every change that another process, a cache or a stream has to hear of.
-- A reader goes by (xid, id); xid is the writing transaction's here and 0 on SQLite.
CREATE TABLE events (
  id BIGSERIAL PRIMARY KEY,
  xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
  origin BIGINT NOT NULL,
  account_id BIGINT,
  kind TEXT NOT NULL,
  subject_id BIGINT NOT NULL,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX events_position ON events (xid, id);
CREATE INDEX events_account ON events (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX events_created_at ON events (created_at);

-- Instance texts and switches that an admin sets at run time.
CREATE TABLE settings (
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);
