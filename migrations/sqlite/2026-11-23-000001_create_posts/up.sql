-- Times are RFC 3339 text in UTC with microseconds, always 27 characters, so that text order is time order.
-- 9007199254740991 is 2^53 - 1, the largest integer JavaScript reads exactly.
-- AUTOINCREMENT: the id of a deleted post is never given to another one.
-- An excerpt is null where it was never computed; it is then made from the beginning of the content when it is read.
-- A sort needs a value for every row: published_key stands for published_at, and posts without one come first.
-- The content stands last: SQLite reads a long row from its beginning, so that what comes before it is read without it.
CREATE TABLE posts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT
                  CHECK (id BETWEEN 1 AND 9007199254740991),
    slug          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    excerpt       TEXT,
    published     INTEGER NOT NULL DEFAULT FALSE CHECK (published IN (FALSE, TRUE)),
    published_at  TEXT,
    scheduled_for TEXT,
    created_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    version       INTEGER NOT NULL DEFAULT 1,
    published_key TEXT NOT NULL
                  GENERATED ALWAYS AS (coalesce(published_at, '0001-01-01T00:00:00.000000Z')) VIRTUAL,
    content       TEXT
) STRICT;

-- One index a sort, with the id to break ties. "published" comes first, so that drafts cost readers nothing.
CREATE INDEX posts_published_id ON posts (published, id);
CREATE INDEX posts_published_published_key ON posts (published, published_key, id);
CREATE INDEX posts_published_updated_at ON posts (published, updated_at, id);
CREATE INDEX posts_published_title ON posts (published, title, id);
CREATE INDEX posts_scheduled_for ON posts (scheduled_for) WHERE scheduled_for IS NOT NULL;

-- Whoever changes a content without its excerpt leaves none, rather than a wrong one.
CREATE TRIGGER posts_drop_excerpt AFTER UPDATE OF content ON posts
    WHEN new.content IS NOT old.content AND new.excerpt IS old.excerpt AND new.excerpt IS NOT NULL
BEGIN
    UPDATE posts SET excerpt = NULL WHERE id = new.id;
END;
