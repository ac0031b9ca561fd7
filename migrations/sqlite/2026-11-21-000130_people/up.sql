-- Filters of a user: groups of keywords and statuses. context: names by commas.
-- action: warn, hide or blur.
CREATE TABLE filters (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  context TEXT NOT NULL,
  action TEXT NOT NULL,
  expires_at BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX filters_account ON filters (account_id, id);

CREATE TABLE filter_keywords (
  id INTEGER PRIMARY KEY NOT NULL,
  filter_id BIGINT NOT NULL REFERENCES filters (id) ON DELETE CASCADE,
  keyword TEXT NOT NULL,
  whole_word BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX filter_keywords_filter ON filter_keywords (filter_id, id);

CREATE TABLE filter_statuses (
  id INTEGER PRIMARY KEY NOT NULL,
  filter_id BIGINT NOT NULL REFERENCES filters (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX filter_statuses_pair ON filter_statuses (filter_id, status_id);
CREATE INDEX filter_statuses_status ON filter_statuses (status_id);

-- What a user noted on an account, for themselves alone.
CREATE TABLE account_notes (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  comment TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, target_id)
) WITHOUT ROWID;
CREATE INDEX account_notes_target ON account_notes (target_id);

-- Accounts that a user features on their profile.
CREATE TABLE endorsements (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX endorsements_pair ON endorsements (account_id, target_id);
CREATE INDEX endorsements_account ON endorsements (account_id, id);
CREATE INDEX endorsements_target ON endorsements (target_id);

-- Domains that a user wants nothing of.
CREATE TABLE account_domain_blocks (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  domain TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_domain_blocks_pair ON account_domain_blocks (account_id, domain);
CREATE INDEX account_domain_blocks_account ON account_domain_blocks (account_id, id);

-- Accounts that a user does not want suggested again.
CREATE TABLE dismissed_suggestions (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, target_id)
) WITHOUT ROWID;
CREATE INDEX dismissed_suggestions_target ON dismissed_suggestions (target_id);

-- Reports, filed here or received as Flag. category: spam, legal, violation or other.
-- status_ids and rule_ids: JSON lists.
CREATE TABLE reports (
  id INTEGER PRIMARY KEY NOT NULL,
  uri TEXT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  target_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  category TEXT NOT NULL,
  comment TEXT NOT NULL,
  status_ids TEXT NOT NULL,
  rule_ids TEXT NOT NULL,
  forwarded BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  assigned_account_id BIGINT,
  action_taken_at BIGINT,
  action_taken_by_id BIGINT
);
CREATE UNIQUE INDEX reports_uri ON reports (uri);
CREATE INDEX reports_account ON reports (account_id, id);
CREATE INDEX reports_target ON reports (target_id, id);
CREATE INDEX reports_open ON reports (id) WHERE action_taken_at IS NULL;

-- What a local profile shows besides, where it is not the usual. attribution_domains: a JSON list.
CREATE TABLE account_profiles (
  account_id INTEGER PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  show_media BOOLEAN NOT NULL,
  show_media_replies BOOLEAN NOT NULL,
  show_featured BOOLEAN NOT NULL,
  attribution_domains TEXT NOT NULL
);

-- Storage keys of files that nothing holds (any more, or yet), to be deleted.
CREATE TABLE retired_files (
  file TEXT PRIMARY KEY NOT NULL,
  retired_at BIGINT NOT NULL
);
CREATE INDEX retired_files_retired_at ON retired_files (retired_at);

-- For the directory and suggestions.
CREATE INDEX accounts_discoverable ON accounts (id) WHERE discoverable = TRUE;
CREATE INDEX account_stats_last_status_at ON account_stats (last_status_at) WHERE last_status_at IS NOT NULL;
CREATE INDEX account_stats_followers_count ON account_stats (followers_count) WHERE followers_count > 0;

-- Mutes that end.
CREATE INDEX mutes_expires_at ON mutes (expires_at) WHERE expires_at IS NOT NULL;
