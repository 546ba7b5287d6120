-- The tags and authors of the posts, one row each, for the filters and the lists of names. The triggers below derive
-- the rows from posts; nothing else writes to this table. A row repeats what lists filter and sort by, so that a page
-- of posts with a tag is a range of one index: a join with posts would read all posts of the tag, or all posts.
--
-- kind: 't' for a tag, 'a' for an author.
-- label: the name in lower case. lower() folds ASCII letters only, as PostgreSQL does with the collation "C".
-- name: the name as the post spells it.
--
-- In each index, published precedes label: the names of published posts are adjacent, and a list of them never reads
-- those of drafts.
--
-- The primary key is the index of the order by id. The other indexes end with the columns that lists filter by, as
-- those of posts do.
--
-- sortable: whether the other indexes contain the row. The rows of published posts always are in them. Those of drafts
-- are not, while a name has about 1,000 of them at most: so few can be sorted when a list is read, and a row in four
-- B-trees takes most of the time of a create. If a name gets more, post_labels_sort_drafts adds them to the indexes.
CREATE TABLE post_labels (
    kind          TEXT NOT NULL CHECK (kind IN ('t', 'a')),
    label         TEXT NOT NULL,
    published     INTEGER NOT NULL,
    sortable      INTEGER NOT NULL,
    post_id       INTEGER NOT NULL,
    published_key TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    title         TEXT NOT NULL,
    name          TEXT NOT NULL,
    PRIMARY KEY (kind, published, label, sortable, post_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX post_labels_published_key ON post_labels (kind, published, label, published_key, post_id, updated_at)
    WHERE sortable = TRUE;
CREATE INDEX post_labels_updated_at ON post_labels (kind, published, label, updated_at, post_id, published_key)
    WHERE sortable = TRUE;
CREATE INDEX post_labels_title ON post_labels (kind, published, label, title, post_id, published_key, updated_at)
    WHERE sortable = TRUE;

INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
SELECT labels.kind, lower(labels.name), p.published, p.published, p.id, p.published_key, p.updated_at, p.title,
    labels.name
FROM (
    SELECT posts.id AS post_id, 't' AS kind, value AS name FROM posts, json_each(tags)
    UNION ALL SELECT posts.id, 'a', value FROM posts, json_each(authors)
) AS labels JOIN posts AS p ON p.id = labels.post_id
WHERE length(labels.name) BETWEEN 1 AND 200
ON CONFLICT DO NOTHING;

-- The triggers:
--   1. posts_insert_labels and posts_replace_labels also reject tags and authors that are not strings. The CHECK of the
--      table cannot read the items of an array. They also reject U+0000 and lone surrogates, which JSON can contain as
--      \u0000 and \ud800, as PostgreSQL does. GLOB reads a lone surrogate as U+FFFD. It also reads U+FFFE and U+FFFF
--      so; replace() compares bytes, and removes these three.
--   2. They skip names that no filter can ask for: empty ones, and those of more than 200 characters. Of names that
--      differ only by the case of ASCII letters, the first one counts.
--   3. They read the row from posts instead of new: posts_set_version may have changed it since. SQLite does not define
--      the order of triggers.
--   4. A post without tags and authors costs one WHEN condition.
--   5. `kind = … AND label IN (…) AND published = … AND sortable IN (…) AND post_id = …` uses the whole primary key.
--      With a row value, `(kind, published, label, post_id) IN (…)`, SQLite reads all rows of the label.
--   6. After INSERT OR REPLACE, which does not fire posts_delete_labels, the rows of the former post remain. The
--      primary key contains sortable, so posts_insert_labels looks for such a row: a post must not have two rows with
--      one label. OR REPLACE in the other triggers has the same purpose.
--   7. src/posts/deferred_triggers does what posts_insert_labels does for the posts of an import.
CREATE TRIGGER posts_insert_labels AFTER INSERT ON posts
    WHEN new.tags <> '[]' OR new.authors <> '[]'
BEGIN
    SELECT raise(ABORT, 'tags and authors must be arrays of strings')
    FROM (SELECT type, value FROM json_each(new.tags) UNION ALL SELECT type, value FROM json_each(new.authors))
    WHERE type <> 'text' OR instr(value, char(0)) OR replace(replace(replace(
        value, char(0xfffd), ''), char(0xfffe), ''), char(0xffff), '') GLOB '*' || char(0xfffd) || '*';
    INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
    SELECT labels.kind, lower(labels.name), p.published, p.published OR EXISTS (
            SELECT 1 FROM post_labels AS stale
            WHERE stale.kind = labels.kind AND stale.published = FALSE AND stale.label = lower(labels.name)
                AND stale.sortable = TRUE AND stale.post_id = p.id
        ), p.id, p.published_key, p.updated_at, p.title, labels.name
    FROM (
        SELECT 't' AS kind, value AS name FROM json_each(new.tags)
        UNION ALL SELECT 'a', value FROM json_each(new.authors)
    ) AS labels CROSS JOIN posts AS p
    WHERE p.id = new.id AND length(labels.name) BETWEEN 1 AND 200
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER posts_delete_labels AFTER DELETE ON posts
    WHEN old.tags <> '[]' OR old.authors <> '[]'
BEGIN
    DELETE FROM post_labels WHERE kind = 't' AND label IN (SELECT lower(value) FROM json_each(old.tags))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
    DELETE FROM post_labels WHERE kind = 'a' AND label IN (SELECT lower(value) FROM json_each(old.authors))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
END;

CREATE TRIGGER posts_replace_labels AFTER UPDATE OF tags, authors ON posts
    WHEN new.tags <> old.tags OR new.authors <> old.authors
BEGIN
    SELECT raise(ABORT, 'tags and authors must be arrays of strings')
    FROM (SELECT type, value FROM json_each(new.tags) UNION ALL SELECT type, value FROM json_each(new.authors))
    WHERE type <> 'text' OR instr(value, char(0)) OR replace(replace(replace(
        value, char(0xfffd), ''), char(0xfffe), ''), char(0xffff), '') GLOB '*' || char(0xfffd) || '*';
    DELETE FROM post_labels WHERE kind = 't' AND label IN (SELECT lower(value) FROM json_each(old.tags))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
    DELETE FROM post_labels WHERE kind = 'a' AND label IN (SELECT lower(value) FROM json_each(old.authors))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
    INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
    SELECT labels.kind, lower(labels.name), p.published, p.published, p.id, p.published_key, p.updated_at, p.title,
        labels.name
    FROM (
        SELECT 't' AS kind, value AS name FROM json_each(new.tags)
        UNION ALL SELECT 'a', value FROM json_each(new.authors)
    ) AS labels CROSS JOIN posts AS p
    WHERE p.id = new.id AND length(labels.name) BETWEEN 1 AND 200
    ON CONFLICT DO NOTHING;
END;

-- If the tags and authors are the same, the rows are updated in place.
CREATE TRIGGER posts_move_labels AFTER UPDATE OF id, published, title, published_at, updated_at ON posts
    WHEN (new.tags <> '[]' OR new.authors <> '[]') AND new.tags = old.tags AND new.authors = old.authors
BEGIN
    UPDATE OR REPLACE post_labels SET (published, sortable, post_id, published_key, updated_at, title) =
        (SELECT p.published, max(p.published, sortable), p.id, p.published_key, p.updated_at, p.title
        FROM posts AS p WHERE p.id = new.id)
    WHERE kind = 't' AND label IN (SELECT lower(value) FROM json_each(old.tags))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
    UPDATE OR REPLACE post_labels SET (published, sortable, post_id, published_key, updated_at, title) =
        (SELECT p.published, max(p.published, sortable), p.id, p.published_key, p.updated_at, p.title
        FROM posts AS p WHERE p.id = new.id)
    WHERE kind = 'a' AND label IN (SELECT lower(value) FROM json_each(old.authors))
        AND published = old.published AND sortable IN (old.published, TRUE) AND post_id = old.id;
END;

-- Adds the drafts of a name to the indexes if there are more than 1,000 that are not in them. To count takes as long as
-- ten inserts, so one insert in 64 counts. The row of the insert itself stays: another name of the same post may be
-- equal to it in lower case, and is ignored because of this row.
CREATE TRIGGER post_labels_sort_drafts AFTER INSERT ON post_labels
    WHEN NOT new.sortable AND random() & 63 = 0
BEGIN
    UPDATE OR REPLACE post_labels SET sortable = TRUE
    WHERE kind = new.kind AND published = FALSE AND label = new.label AND sortable = FALSE AND post_id <> new.post_id
        AND (SELECT count(*) FROM (
            SELECT 1 FROM post_labels AS unsorted
            WHERE unsorted.kind = new.kind AND unsorted.published = FALSE AND unsorted.label = new.label
                AND unsorted.sortable = FALSE
            LIMIT 1001
        )) > 1000;
END;
