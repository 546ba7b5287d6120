-- Times are RFC 3339 text in UTC with microseconds. They always have 27 characters, so text order is time order.
-- id: 9007199254740991 is 2^53 - 1, the largest integer that JavaScript represents exactly. AUTOINCREMENT never reuses
-- the id of a deleted post.
-- excerpt: null until it is computed; the service then derives it from the content at each read.
-- version: starts at 1 and increases with every change, up to 2^53 - 1.
-- published_key: replaces a null published_at by a value before every time, because keyset pagination needs a value in
-- every row.
-- tags, authors, metadata: JSON, in the text that the service has written. The type of each tag and author is checked
-- by triggers, because a CHECK of SQLite cannot read the items of an array.
-- content: must stay the last column. SQLite reads a row from its start, so queries that need only the columns before
-- it skip the overflow pages of a long content.
CREATE TABLE posts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT
                  CHECK (id BETWEEN 1 AND 9007199254740991),
    slug          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    description   TEXT,
    tags          TEXT NOT NULL DEFAULT '[]' CHECK (tags = '[]' OR (json_valid(tags) AND json_type(tags) = 'array')),
    authors       TEXT NOT NULL DEFAULT '[]'
                  CHECK (authors = '[]' OR (json_valid(authors) AND json_type(authors) = 'array')),
    image         TEXT,
    image_alt     TEXT,
    metadata      TEXT NOT NULL DEFAULT '{}'
                  CHECK (metadata = '{}' OR (json_valid(metadata) AND json_type(metadata) = 'object')),
    excerpt       TEXT,
    published     INTEGER NOT NULL DEFAULT FALSE CHECK (published IN (FALSE, TRUE)),
    published_at  TEXT,
    scheduled_for TEXT,
    created_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    updated_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    version       INTEGER NOT NULL DEFAULT 1 CHECK (version BETWEEN 1 AND 9007199254740991),
    published_key TEXT NOT NULL
                  GENERATED ALWAYS AS (coalesce(published_at, '')) VIRTUAL,
    content       TEXT
) STRICT;

-- One index per sort order, with the id as the tiebreaker. "published" is the first column, so that a list of published
-- posts never scans drafts. The last columns are those that lists filter by: a list that scans one of these indexes
-- rejects a post without reading its row, so that a scan of all posts stays cheap.
CREATE INDEX posts_published_id ON posts (published, id, published_key, updated_at);
CREATE INDEX posts_published_published_key ON posts (published, published_key, id, updated_at);
CREATE INDEX posts_published_updated_at ON posts (published, updated_at, id, published_key);
CREATE INDEX posts_published_title ON posts (published, title, id, published_key, updated_at);
CREATE INDEX posts_scheduled_for ON posts (scheduled_for) WHERE scheduled_for IS NOT NULL;
