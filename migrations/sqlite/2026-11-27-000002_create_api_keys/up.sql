-- hash: the SHA-256 of the key. The key itself is not stored, so a copy of this table grants no access.
-- created_by: the id of the key that created this one; null if the command line or ADMIN_API_KEY did.
-- last_used_on: a date such as 2026-01-31. A date rather than a time limits writes to one per key and day.
-- revoked_at: a revoked key stays in the table. The first start creates an admin key only if the table is empty, and
-- must not create one after all keys were revoked.
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
