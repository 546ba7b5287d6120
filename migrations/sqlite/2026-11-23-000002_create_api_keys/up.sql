-- Only the SHA-256 of a key is stored: a copy of this table opens nothing.
-- A revoked key stays as a row, so that the first start can tell "never had a key" from "revoked them all".
-- created_by is the key that made this one; null where it was made on the command line or by the environment's key.
-- last_used_on is a day, 2026-01-31, so that a key is written once a day and not at every request.
CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    hash         BLOB NOT NULL UNIQUE,
    created_at   TEXT NOT NULL,
    created_by   INTEGER,
    expires_at   TEXT,
    last_used_on TEXT,
    revoked_at   TEXT
) STRICT;
