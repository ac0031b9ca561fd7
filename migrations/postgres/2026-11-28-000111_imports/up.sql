-- Files that users brought along from elsewhere. body: the file, until it is worked off. position: lines worked off.
CREATE TABLE account_imports (
  id BIGINT PRIMARY KEY NOT NULL,
  account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  overwrite BOOLEAN NOT NULL,
  body TEXT NOT NULL,
  total BIGINT NOT NULL,
  position BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE INDEX account_imports_account ON account_imports (account_id, id);

-- Lines that were worked off: what they were about, or why nothing came of them. Once all are, only those stay.
CREATE TABLE import_lines (
  import_id BIGINT NOT NULL REFERENCES account_imports (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  subject_id BIGINT,
  text TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (import_id, position)
);
