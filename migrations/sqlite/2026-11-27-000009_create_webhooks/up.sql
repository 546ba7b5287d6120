-- Webhooks. A webhook is a position in the log of changes: the rows behind it are its queue, so that no queue can grow,
-- and moving the position back delivers again.
--
-- url, headers, secret, previous_secret: credentials in plain text, because the service sends them or signs with them.
-- mode: 0 each, a request per change; 1 burst, one request for all changes of a burst.
-- events: a JSON array. headers: a JSON object.
-- body: JSON that replaces the body of a burst; null if there is none.
-- quiet, max_wait: seconds.
-- disabled_reason: why the service has disabled the webhook; null if it is enabled, or if a client has disabled it.
-- previous_secret: the secret before a rotation. It signs too until previous_valid_until.
-- position: the seq of the last row of post_changes that was delivered.
-- burst_end: the seq of the last row of a burst that failed, because its retries cover the same changes.
-- lease, leased_until: which delivery may move the position, and until when.
-- The prefix "revoked:" revokes that right: a replay sets it.
-- attempt: how often the pending request has failed.
-- failing_since: the first failure since the last success.
-- version: increases when a client changes the webhook, not with deliveries.
CREATE TABLE webhooks (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    name                 TEXT NOT NULL,
    url                  TEXT NOT NULL,
    mode                 INTEGER NOT NULL CHECK (mode IN (0, 1)),
    events               TEXT NOT NULL,
    headers              TEXT NOT NULL,
    body                 TEXT,
    quiet                INTEGER NOT NULL,
    max_wait             INTEGER NOT NULL,
    enabled              INTEGER NOT NULL CHECK (enabled IN (FALSE, TRUE)),
    disabled_reason      TEXT,
    secret               TEXT NOT NULL,
    previous_secret      TEXT,
    previous_valid_until TEXT,
    position             INTEGER NOT NULL,
    burst_end            INTEGER,
    lease                TEXT,
    leased_until         TEXT,
    attempt              INTEGER NOT NULL DEFAULT 0,
    next_attempt_at      TEXT,
    failing_since        TEXT,
    last_success_at      TEXT,
    version              INTEGER NOT NULL DEFAULT 1,
    created_at           TEXT NOT NULL,
    updated_at           TEXT NOT NULL
) STRICT;

-- The latest requests of each webhook, without their contents.
CREATE TABLE webhook_attempts (
    id          INTEGER PRIMARY KEY,
    webhook_id  INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    at          TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    status      INTEGER,
    error       TEXT,
    attempt     INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_attempts_webhook_id ON webhook_attempts (webhook_id, id);
