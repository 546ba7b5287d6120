ALTER TABLE api_keys DROP COLUMN last_used_on;
ALTER TABLE api_keys DROP COLUMN created_by;
ALTER TABLE api_keys DROP COLUMN expires_at;
