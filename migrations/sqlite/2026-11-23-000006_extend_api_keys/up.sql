-- created_by is the key that made this one; null where it was made on the command line or by the environment's key.
-- last_used_on is a day, 2026-01-31, so that a key is written once a day and not at every request.
ALTER TABLE api_keys ADD COLUMN expires_at TEXT;
ALTER TABLE api_keys ADD COLUMN created_by INTEGER;
ALTER TABLE api_keys ADD COLUMN last_used_on TEXT;
