-- Dislikes, emoji reactions, the order of comments, views, and what is counted by day.
-- A day is a number: days since the epoch, UTC.
-- score: likes less dislikes. parent_id: the statuses' in_reply_to_id, so that the comments of a
-- status are read in the order of their score by one index.
ALTER TABLE status_stats ADD COLUMN dislikes_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE status_stats ADD COLUMN reactions_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE status_stats ADD COLUMN views_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE status_stats ADD COLUMN score BIGINT NOT NULL DEFAULT 0;
ALTER TABLE status_stats ADD COLUMN parent_id BIGINT;
UPDATE status_stats SET score = favourites_count,
  parent_id = (SELECT in_reply_to_id FROM statuses WHERE statuses.id = status_stats.status_id);
CREATE INDEX status_stats_comments ON status_stats (parent_id, score, status_id) WHERE parent_id IS NOT NULL;

CREATE TABLE dislikes (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX dislikes_pair ON dislikes (account_id, status_id);
CREATE INDEX dislikes_status ON dislikes (status_id, id);
CREATE INDEX dislikes_uri ON dislikes (account_id, uri);

-- name: an emoji of Unicode's, or a shortcode. domain: where a custom emoji is from, '' for ours
-- and for Unicode's.
CREATE TABLE emoji_reactions (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  domain TEXT NOT NULL,
  uri TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX emoji_reactions_one ON emoji_reactions (account_id, status_id, name, domain);
CREATE INDEX emoji_reactions_status ON emoji_reactions (status_id, id);
CREATE INDEX emoji_reactions_uri ON emoji_reactions (account_id, uri);

-- How often each was given. url, static_url: of custom emoji.
CREATE TABLE reaction_counts (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  domain TEXT NOT NULL,
  url TEXT NOT NULL,
  static_url TEXT NOT NULL,
  total BIGINT NOT NULL,
  first_id BIGINT NOT NULL,
  PRIMARY KEY (status_id, name, domain)
);

-- Who saw what on a day: kept until the day after is over, so that nobody is counted twice.
CREATE TABLE status_views (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  account_id BIGINT NOT NULL,
  day BIGINT NOT NULL,
  PRIMARY KEY (status_id, account_id, day)
);
CREATE INDEX status_views_day ON status_views (day);

-- Of statuses of local authors: what is there now, by the day it was done.
CREATE TABLE status_days (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  day BIGINT NOT NULL,
  views BIGINT NOT NULL,
  likes BIGINT NOT NULL,
  dislikes BIGINT NOT NULL,
  comments BIGINT NOT NULL,
  shares BIGINT NOT NULL,
  reactions BIGINT NOT NULL,
  PRIMARY KEY (status_id, day)
);

-- The same of all statuses of a local account together, and what the account itself gave.
CREATE TABLE account_days (
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  day BIGINT NOT NULL,
  views BIGINT NOT NULL,
  likes BIGINT NOT NULL,
  dislikes BIGINT NOT NULL,
  comments BIGINT NOT NULL,
  shares BIGINT NOT NULL,
  reactions BIGINT NOT NULL,
  likes_given BIGINT NOT NULL,
  dislikes_given BIGINT NOT NULL,
  PRIMARY KEY (account_id, day)
);

INSERT INTO status_days (status_id, day, views, likes, dislikes, comments, shares, reactions)
SELECT status_id, day, 0, SUM(likes), 0, SUM(comments), SUM(shares), 0 FROM (
  SELECT f.status_id AS status_id, f.created_at / 86400000 AS day, 1 AS likes, 0 AS comments, 0 AS shares
  FROM favourites f JOIN statuses s ON s.id = f.status_id WHERE s.local = TRUE
  UNION ALL
  SELECT r.in_reply_to_id, r.created_at / 86400000, 0, 1, 0
  FROM statuses r JOIN statuses s ON s.id = r.in_reply_to_id WHERE s.local = TRUE
  UNION ALL
  SELECT r.reblog_of_id, r.created_at / 86400000, 0, 0, 1
  FROM statuses r JOIN statuses s ON s.id = r.reblog_of_id WHERE s.local = TRUE
) AS done GROUP BY status_id, day;

INSERT INTO account_days (account_id, day, views, likes, dislikes, comments, shares, reactions, likes_given, dislikes_given)
SELECT account_id, day, 0, SUM(likes), 0, SUM(comments), SUM(shares), 0, SUM(given), 0 FROM (
  SELECT s.account_id AS account_id, d.day AS day, d.likes AS likes, d.comments AS comments, d.shares AS shares, 0 AS given
  FROM status_days d JOIN statuses s ON s.id = d.status_id
  UNION ALL
  SELECT f.account_id, f.created_at / 86400000, 0, 0, 0, 1
  FROM favourites f JOIN accounts a ON a.id = f.account_id WHERE a.domain = ''
) AS done GROUP BY account_id, day;
