ALTER TABLE api_token ADD COLUMN user_id TEXT;
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN contracts TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN last_used_at BIGINT;
ALTER TABLE api_token ADD COLUMN request_key TEXT;
CREATE INDEX api_token_by_user ON api_token (user_id);
