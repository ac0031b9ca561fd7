-- Whoever deletes an account looks into every table that names it: without these it would read four of them from end to end.
CREATE INDEX chat_members_account ON chat_members (account_id);
CREATE INDEX oauth_codes_account ON oauth_codes (account_id);
CREATE INDEX polls_account ON polls (account_id);
CREATE INDEX refresh_tokens_account ON refresh_tokens (account_id);
