-- context: the collection of the thread a post stands in, where somebody owns it (FEP-7888). replies: where the
-- replies to a post of another server are listed there.
ALTER TABLE statuses ADD COLUMN context TEXT NOT NULL DEFAULT '';
ALTER TABLE statuses ADD COLUMN replies TEXT NOT NULL DEFAULT '';

-- Posts that were fetched because something points at them, and that nobody was told of: their Create may come yet.
CREATE TABLE quiet_statuses (
  status_id BIGINT PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  taken_at BIGINT NOT NULL
);
CREATE INDEX quiet_statuses_taken_at ON quiet_statuses (taken_at);

-- When the replies to a post of another server were last asked for there.
CREATE TABLE replies_reads (
  status_id BIGINT PRIMARY KEY NOT NULL REFERENCES statuses (id) ON DELETE CASCADE,
  read_at BIGINT NOT NULL
);

-- How threads are filled up from elsewhere. job_id: the job that is at it, until busy_until. jobs: how many this
-- filling has taken; found: what it has brought. fruitless: fillings in a row that brought nothing.
CREATE TABLE thread_reads (
  conversation_id BIGINT PRIMARY KEY NOT NULL,
  active BOOLEAN NOT NULL,
  job_id BIGINT NOT NULL,
  busy_until BIGINT NOT NULL,
  jobs BIGINT NOT NULL,
  found BIGINT NOT NULL,
  fruitless BIGINT NOT NULL,
  begun_at BIGINT NOT NULL,
  next_at BIGINT NOT NULL
);
CREATE INDEX thread_reads_begun_at ON thread_reads (begun_at);

-- When profiles of other servers were last read there, and may be again. failures: in a row.
CREATE TABLE account_reads (
  account_id BIGINT PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  read_at BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  failures BIGINT NOT NULL
);

-- How many more an account's own server told than were known here then. What is known here changes, this stays.
ALTER TABLE account_stats ADD COLUMN followers_beyond BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_stats ADD COLUMN following_beyond BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_stats ADD COLUMN statuses_beyond BIGINT NOT NULL DEFAULT 0;
