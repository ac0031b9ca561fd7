-- Tags that people follow and feature.
CREATE TABLE tag_follows (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tag_follows_pair ON tag_follows (account_id, tag_id);
CREATE INDEX tag_follows_tag ON tag_follows (tag_id, account_id);
CREATE INDEX tag_follows_account ON tag_follows (account_id, id);

CREATE TABLE featured_tags (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX featured_tags_pair ON featured_tags (account_id, tag_id);
CREATE INDEX featured_tags_tag ON featured_tags (tag_id);

-- How often a local account used a tag in posts for everyone.
CREATE TABLE account_tags (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  tag_id BIGINT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  statuses_count BIGINT NOT NULL,
  last_status_at BIGINT,
  PRIMARY KEY (account_id, tag_id)
) WITHOUT ROWID;
CREATE INDEX account_tags_tag ON account_tags (tag_id);

-- Use of tags (kind 0) and links (kind 2) in public posts, by day (days since the epoch), and by whom.
CREATE TABLE trend_days (
  kind SMALLINT NOT NULL,
  subject_id BIGINT NOT NULL,
  day BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  accounts BIGINT NOT NULL,
  PRIMARY KEY (kind, subject_id, day)
) WITHOUT ROWID;
CREATE INDEX trend_days_day ON trend_days (kind, day, accounts);

CREATE TABLE trend_accounts (
  kind SMALLINT NOT NULL,
  subject_id BIGINT NOT NULL,
  day BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  PRIMARY KEY (kind, subject_id, day, account_id)
) WITHOUT ROWID;
CREATE INDEX trend_accounts_day ON trend_accounts (day);

-- What trends, as last reckoned: tags (kind 0), statuses (kind 1), preview cards (kind 2). score is in thousandths.
CREATE TABLE trends (
  kind SMALLINT NOT NULL,
  place BIGINT NOT NULL,
  subject_id BIGINT NOT NULL,
  score BIGINT NOT NULL,
  PRIMARY KEY (kind, place)
) WITHOUT ROWID;
CREATE INDEX trends_subject ON trends (kind, subject_id);
CREATE INDEX statuses_reblogs ON statuses (id) WHERE reblog_of_id IS NOT NULL;

-- When work that one of the processes does from time to time was last begun.
CREATE TABLE periodic_work (
  name TEXT PRIMARY KEY NOT NULL,
  begun_at BIGINT NOT NULL
);

-- Quotes: state 0 pending, 1 accepted, 2 rejected, 3 revoked. quoted_id is NULL where the quoted status is not here (any more).
CREATE TABLE quotes (
  status_id INTEGER PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  quoted_id BIGINT REFERENCES statuses (id) ON DELETE SET NULL,
  quoted_account_id BIGINT,
  quoted_uri TEXT NOT NULL,
  state SMALLINT NOT NULL,
  legacy BOOLEAN NOT NULL,
  request_uri TEXT NOT NULL,
  approval_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX quotes_quoted ON quotes (quoted_id, status_id) WHERE quoted_id IS NOT NULL;
CREATE INDEX quotes_account ON quotes (account_id);
CREATE INDEX quotes_request ON quotes (request_uri) WHERE request_uri <> '';
CREATE INDEX quotes_approval ON quotes (approval_uri) WHERE approval_uri <> '';

-- Who may quote a status, where that is not what it is without a row. Bits: 1 everyone, 2 followers, 4 whom the author follows, 8 others.
CREATE TABLE quote_policies (
  status_id INTEGER PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  automatic SMALLINT NOT NULL,
  manual SMALLINT NOT NULL
);

-- Stamps of local authors that a status may quote theirs (FEP-044f).
CREATE TABLE quote_authorizations (
  id INTEGER PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  quoting_uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX quote_authorizations_pair ON quote_authorizations (status_id, quoting_uri);
CREATE INDEX quote_authorizations_account ON quote_authorizations (account_id);

ALTER TABLE status_stats ADD COLUMN quotes_count BIGINT NOT NULL DEFAULT 0;

-- Previews of links, one for each URL. state: 0 waiting, 1 ready, 2 nothing to show. image is a storage key or ''.
CREATE TABLE preview_cards (
  id INTEGER PRIMARY KEY NOT NULL,
  url TEXT NOT NULL,
  state SMALLINT NOT NULL,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  author_name TEXT NOT NULL,
  author_url TEXT NOT NULL,
  author_account_id BIGINT,
  provider_name TEXT NOT NULL,
  provider_url TEXT NOT NULL,
  html TEXT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  image TEXT NOT NULL,
  image_description TEXT NOT NULL,
  embed_url TEXT NOT NULL,
  blurhash TEXT NOT NULL,
  language TEXT,
  published_at BIGINT,
  fetched_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX preview_cards_url ON preview_cards (url);
CREATE INDEX preview_cards_fetched_at ON preview_cards (fetched_at);

CREATE TABLE status_cards (
  status_id INTEGER PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  card_id BIGINT NOT NULL REFERENCES preview_cards (id) ON DELETE CASCADE
);
CREATE INDEX status_cards_card ON status_cards (card_id, status_id);

-- Translations by the configured service; edited_at is that of the text, or 0. payload is the Translation as JSON.
CREATE TABLE translations (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  target TEXT NOT NULL,
  edited_at BIGINT NOT NULL,
  payload TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (status_id, target)
) WITHOUT ROWID;
CREATE INDEX translations_created_at ON translations (created_at);

-- The words that an account is found by: of its names, folded.
CREATE TABLE account_words (
  word TEXT NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  PRIMARY KEY (word, account_id)
) WITHOUT ROWID;
CREATE INDEX account_words_account ON account_words (account_id, word);

-- How far the full-text index has got: the event log's position, when it was there, and the ids that are still to be
-- read in from before (statuses below, accounts above).
CREATE TABLE search_progress (
  id INTEGER PRIMARY KEY NOT NULL,
  xid BIGINT NOT NULL,
  event_id BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  statuses_below BIGINT NOT NULL,
  accounts_above BIGINT NOT NULL
);
INSERT INTO search_progress VALUES (1, 0, 0, 0, 9223372036854775807, 0);

-- The full-text index itself has no twin: each database has its own kind. rowid is the status, body its words as
-- src/text/words.rs folds them.
CREATE VIRTUAL TABLE search_text USING fts5(body, content='', contentless_delete=1, tokenize='ascii');
