-- Only the SHA-256 of a key is stored: a copy of this table opens nothing.
-- A revoked key stays as a row, so that the first start can tell "never had a key" from "revoked them all".
CREATE TABLE api_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('reader', 'editor', 'admin')),
    hash       BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
