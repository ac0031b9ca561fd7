-- Reports from the domain are not taken.
ALTER TABLE domain_policies ADD COLUMN reject_reports BOOLEAN NOT NULL DEFAULT FALSE;

-- Relays that this server asked to bring it posts, and sends its own to.
CREATE TABLE relays (
  id BIGINT PRIMARY KEY NOT NULL,
  -- `mastodon`: everyone's posts are followed at an inbox; `litepub`: an actor is followed.
  kind TEXT NOT NULL,
  inbox_url TEXT NOT NULL,
  -- Who speaks for it; empty until a relay of Mastodon's kind has answered.
  actor_uri TEXT NOT NULL,
  -- The id of our Follow, and of its Follow in return.
  follow_uri TEXT NOT NULL,
  followed_uri TEXT NOT NULL,
  -- `pending`, `accepted` or `rejected`.
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  answered_at BIGINT
);
CREATE UNIQUE INDEX relays_inbox ON relays (inbox_url);
