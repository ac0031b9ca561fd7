-- Policies are rows of the admin API, newest first. obfuscate: the public list shows a part of the name. subscription_id: the
-- list that a policy came with, and goes with.
ALTER TABLE domain_policies ADD COLUMN id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain_policies ADD COLUMN obfuscate BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE domain_policies ADD COLUMN subscription_id BIGINT;
UPDATE domain_policies SET id = created_at * 65536 + (
  SELECT count(*) FROM domain_policies AS earlier WHERE earlier.domain < domain_policies.domain
);
CREATE UNIQUE INDEX domain_policies_id ON domain_policies (id);
CREATE INDEX domain_policies_subscription ON domain_policies (subscription_id) WHERE subscription_id IS NOT NULL;

-- Lists of policies that others keep. severity_limit: the severest that their entries are taken for.
CREATE TABLE domain_subscriptions (
  id BIGINT PRIMARY KEY NOT NULL,
  url TEXT NOT NULL,
  severity_limit TEXT NOT NULL,
  entries BIGINT NOT NULL,
  fetched_at BIGINT,
  last_error TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX domain_subscriptions_url ON domain_subscriptions (url);

-- What cut follows off: kind is as the API names it, target_name a domain or handle, stamp when the cause came about. purged: it
-- is over, and who was cut off is not told any more.
CREATE TABLE severance_events (
  id BIGINT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  target_name TEXT NOT NULL,
  stamp BIGINT NOT NULL,
  purged BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX severance_events_cause ON severance_events (kind, target_name, stamp);

-- The follows that an event cut off, seen from the local account: outgoing ones, or (outgoing FALSE) those of its followers.
CREATE TABLE severed_follows (
  event_id BIGINT NOT NULL REFERENCES severance_events (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  outgoing BOOLEAN NOT NULL,
  other_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  reblogs BOOLEAN NOT NULL,
  notify BOOLEAN NOT NULL,
  languages TEXT NOT NULL,
  PRIMARY KEY (event_id, account_id, outgoing, other_id)
);
CREATE INDEX severed_follows_account ON severed_follows (account_id);
CREATE INDEX severed_follows_other ON severed_follows (other_id);

-- Whom an event was told to, and how many follows they lost.
CREATE TABLE account_severances (
  id BIGINT PRIMARY KEY NOT NULL,
  event_id BIGINT NOT NULL REFERENCES severance_events (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  followers_count BIGINT NOT NULL,
  following_count BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_severances_pair ON account_severances (event_id, account_id);
CREATE INDEX account_severances_account ON account_severances (account_id);

-- Who may not register. A domain holds for those under it; canonical addresses are kept as SHA-256 in hexadecimal.
CREATE TABLE email_domain_blocks (
  id BIGINT PRIMARY KEY NOT NULL,
  domain TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX email_domain_blocks_domain ON email_domain_blocks (domain);

CREATE TABLE canonical_email_blocks (
  id BIGINT PRIMARY KEY NOT NULL,
  canonical_email_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX canonical_email_blocks_hash ON canonical_email_blocks (canonical_email_hash);

-- ip is a range, as in 192.0.2.0/24; severity sign_up_requires_approval, sign_up_block or no_access.
CREATE TABLE ip_blocks (
  id BIGINT PRIMARY KEY NOT NULL,
  ip TEXT NOT NULL,
  severity TEXT NOT NULL,
  comment TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE UNIQUE INDEX ip_blocks_ip ON ip_blocks (ip);

-- Names that nobody may take: the whole name, or any that holds it.
CREATE TABLE username_blocks (
  id BIGINT PRIMARY KEY NOT NULL,
  pattern TEXT NOT NULL,
  whole BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX username_blocks_pattern ON username_blocks (pattern);

-- Where a registration came from, and by which app.
ALTER TABLE users ADD COLUMN sign_up_ip TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN sign_up_app_id BIGINT;

-- What moderators decided of tags, where it is not what it is without a row, and whether tags (kind 0), statuses (kind 1) and links
-- (kind 2) may trend.
CREATE TABLE tag_rules (
  tag_id BIGINT PRIMARY KEY NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  usable BOOLEAN NOT NULL,
  listable BOOLEAN NOT NULL
);
CREATE TABLE trend_reviews (
  kind SMALLINT NOT NULL,
  subject_id BIGINT NOT NULL,
  trendable BOOLEAN NOT NULL,
  reviewed_at BIGINT NOT NULL,
  PRIMARY KEY (kind, subject_id)
);
-- What would trend, were it reviewed, waits in its place.
ALTER TABLE trends ADD COLUMN shown BOOLEAN NOT NULL DEFAULT TRUE;

-- Who was here on a day (days since the epoch).
CREATE TABLE active_days (
  day BIGINT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (day, account_id)
);
CREATE INDEX active_days_account ON active_days (account_id, day);
CREATE INDEX account_days_day ON account_days (day);
CREATE INDEX reports_taken_at ON reports (action_taken_at) WHERE action_taken_at IS NOT NULL;
