-- Times are RFC 3339 text in UTC with microseconds, always 27 characters, so that text order is time order.
-- 9007199254740991 is 2^53 - 1, the largest integer JavaScript reads exactly.
-- AUTOINCREMENT: the id of a deleted post is never given to another one.
CREATE TABLE posts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT
                  CHECK (id BETWEEN 1 AND 9007199254740991),
    slug          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    content       TEXT,
    published     INTEGER NOT NULL DEFAULT FALSE CHECK (published IN (FALSE, TRUE)),
    published_at  TEXT,
    scheduled_for TEXT,
    created_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    version       INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX posts_published_id ON posts (published, id);
