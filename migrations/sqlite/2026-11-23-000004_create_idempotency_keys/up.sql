-- The answer to a request with Idempotency-Key, stored in the transaction of the write that it answers.
-- caller is the id of the API key; for the one of the environment, a negative number made from its hash.
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
