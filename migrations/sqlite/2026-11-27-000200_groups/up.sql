-- Posts that belong to groups (FEP-1b12): their authors addressed them there, or they hang below
-- such a post. removed_at: a moderator took it out of the group; removed_by: the id of the
-- activity that says so. announce_uri, announced_at: the group's Announce that went with it, so
-- that it can come back.
CREATE TABLE group_posts (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  group_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  locked BOOLEAN NOT NULL,
  removed_at BIGINT,
  removed_by TEXT NOT NULL,
  announce_uri TEXT NOT NULL,
  announced_at BIGINT NOT NULL,
  PRIMARY KEY (status_id, group_id)
) WITHOUT ROWID;
CREATE INDEX group_posts_group ON group_posts (group_id, status_id);
CREATE INDEX group_posts_removed ON group_posts (group_id, removed_by, status_id) WHERE removed_at IS NOT NULL;

-- Votes that a group passed on of people who are not known here to have cast them: counted, and
-- nobody's. value: 1 for a like, -1 for a dislike.
CREATE TABLE group_votes (
  status_id BIGINT NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  actor_uri TEXT NOT NULL,
  group_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  value SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (status_id, actor_uri)
) WITHOUT ROWID;
CREATE INDEX group_votes_group ON group_votes (group_id);

-- Whether its author deleted it, and may bring it back.
ALTER TABLE tombstones ADD COLUMN by_author BOOLEAN NOT NULL DEFAULT FALSE;

-- A post may be pinned by its author, and in a group.
DROP INDEX pins_status;
CREATE UNIQUE INDEX pins_pair ON pins (status_id, account_id);
