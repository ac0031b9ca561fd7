-- Notifications: filtered ones wait for their sender's request to be accepted; group_key is '' for
-- one that stands alone; subject_id is what it is about where that is no status (a report…).
ALTER TABLE notifications ADD COLUMN filtered BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE notifications ADD COLUMN group_key TEXT NOT NULL DEFAULT '';
ALTER TABLE notifications ADD COLUMN subject_id BIGINT;
CREATE INDEX notifications_alone ON notifications (account_id, id) WHERE group_key = '';
CREATE INDEX notifications_group ON notifications (account_id, group_key, id) WHERE group_key <> '';
CREATE INDEX notifications_filtered ON notifications (account_id, from_account_id, id) WHERE filtered = TRUE;
CREATE INDEX notifications_sender ON notifications (from_account_id);

-- What the grouped list shows of each group, kept with every notification that comes and goes.
-- samples: the newest senders' ids, by commas.
CREATE TABLE notification_groups (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  group_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  status_id BIGINT REFERENCES statuses (id) ON DELETE CASCADE,
  newest_id BIGINT NOT NULL,
  oldest_id BIGINT NOT NULL,
  newest_at BIGINT NOT NULL,
  total BIGINT NOT NULL,
  samples TEXT NOT NULL,
  PRIMARY KEY (account_id, group_key)
) WITHOUT ROWID;
CREATE INDEX notification_groups_newest ON notification_groups (account_id, newest_id);
CREATE INDEX notification_groups_status ON notification_groups (status_id) WHERE status_id IS NOT NULL;

-- accept, filter or drop, for each kind of sender.
CREATE TABLE notification_policies (
  account_id INTEGER PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  not_following TEXT NOT NULL,
  not_followers TEXT NOT NULL,
  new_accounts TEXT NOT NULL,
  private_mentions TEXT NOT NULL,
  limited_accounts TEXT NOT NULL
);

-- Senders whom no policy applies to: their request was accepted.
CREATE TABLE notification_permissions (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, from_account_id)
) WITHOUT ROWID;
CREATE INDEX notification_permissions_sender ON notification_permissions (from_account_id);

CREATE TABLE notification_requests (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  last_status_id BIGINT REFERENCES statuses (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notification_requests_pair ON notification_requests (account_id, from_account_id);
CREATE INDEX notification_requests_account ON notification_requests (account_id, id);
CREATE INDEX notification_requests_sender ON notification_requests (from_account_id);
CREATE INDEX notification_requests_status ON notification_requests (last_status_id) WHERE last_status_id IS NOT NULL;

-- Accepted requests whose notifications are still being put among the others.
CREATE TABLE notification_merges (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  from_account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (account_id, from_account_id)
) WITHOUT ROWID;
CREATE INDEX notification_merges_sender ON notification_merges (from_account_id);

-- Web Push: one for each access token. alerts: kinds of notifications, by spaces.
CREATE TABLE push_subscriptions (
  id INTEGER PRIMARY KEY NOT NULL,
  token_id BIGINT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  endpoint TEXT NOT NULL,
  p256dh TEXT NOT NULL,
  auth TEXT NOT NULL,
  standard BOOLEAN NOT NULL,
  alerts TEXT NOT NULL,
  policy TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_subscriptions_token ON push_subscriptions (token_id);
CREATE INDEX push_subscriptions_account ON push_subscriptions (account_id);

-- refs: JSON of the mentions, statuses and tags in the text.
CREATE TABLE announcements (
  id INTEGER PRIMARY KEY NOT NULL,
  source TEXT NOT NULL,
  content TEXT NOT NULL,
  refs TEXT NOT NULL,
  all_day BOOLEAN NOT NULL,
  starts_at BIGINT,
  ends_at BIGINT,
  scheduled_at BIGINT,
  published_at BIGINT,
  withdrawn_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE announcement_reads (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  announcement_id BIGINT NOT NULL REFERENCES announcements (id) ON DELETE CASCADE,
  PRIMARY KEY (account_id, announcement_id)
) WITHOUT ROWID;
CREATE INDEX announcement_reads_announcement ON announcement_reads (announcement_id);

CREATE TABLE announcement_reactions (
  announcement_id BIGINT NOT NULL REFERENCES announcements (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (announcement_id, name, account_id)
) WITHOUT ROWID;
CREATE INDEX announcement_reactions_account ON announcement_reactions (account_id);

-- Ours (domain '', files are storage keys) and those of other servers (URLs).
CREATE TABLE custom_emojis (
  id INTEGER PRIMARY KEY NOT NULL,
  shortcode TEXT NOT NULL,
  domain TEXT NOT NULL,
  image TEXT NOT NULL,
  static_image TEXT NOT NULL,
  mime TEXT NOT NULL,
  category TEXT NOT NULL,
  visible_in_picker BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX custom_emojis_name ON custom_emojis (domain, shortcode);

-- A rule that was removed stays for the reports that name it.
CREATE TABLE rules (
  id INTEGER PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL,
  body TEXT NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  removed_at BIGINT
);

CREATE TABLE rule_translations (
  rule_id BIGINT NOT NULL REFERENCES rules (id) ON DELETE CASCADE,
  locale TEXT NOT NULL,
  body TEXT NOT NULL,
  hint TEXT NOT NULL,
  PRIMARY KEY (rule_id, locale)
) WITHOUT ROWID;

-- effective_date: YYYY-MM-DD.
CREATE TABLE terms_of_service (
  effective_date TEXT PRIMARY KEY NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Who was here in which week, by the week's beginning (Monday, UTC).
CREATE TABLE active_weeks (
  week BIGINT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (week, account_id)
) WITHOUT ROWID;
CREATE INDEX active_weeks_account ON active_weeks (account_id);

CREATE INDEX users_created_at ON users (created_at);
CREATE INDEX statuses_local ON statuses (id) WHERE local = TRUE;

-- How far an account has read. Made here where no earlier migration did.
CREATE TABLE IF NOT EXISTS markers (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  timeline TEXT NOT NULL,
  last_read_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, timeline)
) WITHOUT ROWID;
