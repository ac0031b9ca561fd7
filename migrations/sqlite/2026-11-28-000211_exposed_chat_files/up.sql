-- Files that were sent in chats before they moved out of the public area move now, by a job of the server's.
INSERT INTO jobs (id, kind, payload, attempts, run_at, leased_until, last_error, created_at)
SELECT 1, 'hide_chat_files', '{"job":"hide_chat_files","above":0}', 0, 0, 0, '', CAST(strftime('%s', 'now') AS BIGINT) * 1000
WHERE EXISTS (SELECT 1 FROM chat_files);
