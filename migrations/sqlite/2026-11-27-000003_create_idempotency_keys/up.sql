-- The stored response to a request with an Idempotency-Key. It is inserted in the transaction of the write that it
-- describes, so that either both are committed or neither.
-- caller: the id of the API key; for ADMIN_API_KEY a negative number derived from its hash.
-- fingerprint: the SHA-256 of the request, which detects a key that is reused with another request.
CREATE TABLE idempotency_keys (
    id          INTEGER PRIMARY KEY,
    caller      INTEGER NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status      INTEGER NOT NULL,
    location    TEXT,
    etag        TEXT,
    body        BLOB NOT NULL,
    created_at  TEXT NOT NULL,
    UNIQUE (caller, key)
) STRICT;

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
