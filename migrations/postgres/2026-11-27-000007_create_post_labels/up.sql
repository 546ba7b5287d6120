-- The tags and authors of the posts, one row each, for the filters and the lists of names. The triggers below derive
-- the rows from posts; nothing else writes to this table. A row repeats what lists filter and sort by, so that a page
-- of posts with a tag is a range of one index: a join with posts would read all posts of the tag, or all posts.
--
-- kind: 't' for a tag, 'a' for an author.
-- label: the name in lower case. With the collation "C", lower() folds ASCII letters only, as SQLite does.
-- name: the name as the post spells it.
--
-- In each index, published precedes label: the names of published posts are adjacent, and a list of them never reads
-- those of drafts.
--
-- sortable: whether the indexes of the other sort orders contain the row. The rows of published posts always are in
-- them. Those of drafts are not, while a name has about 1,000 of them at most: so few can be sorted when a list is
-- read, and a row in four indexes takes most of the time of a create. If a name gets more, posts_write_labels adds them
-- to the indexes.
--
-- The primary key is the index of the order by id. There is no foreign key: it would need an index on post_id, and the
-- triggers delete the rows.
CREATE TABLE post_labels (
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('t', 'a')),
    label         text COLLATE "C" NOT NULL,
    published     boolean NOT NULL,
    sortable      boolean NOT NULL,
    post_id       bigint NOT NULL,
    published_key timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    title         text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, published, label, sortable, post_id) INCLUDE (published_key, updated_at)
);

-- One index per other sort order. The last columns are those that lists filter by, as in the indexes of posts.
--
-- Each second condition is true for every row. Only a statement that repeats it can use the index: all four indexes
-- begin with the same columns, and before ANALYZE the planner expects one row per label, so that the costs of all of
-- them are equal. It looked up a single row in an index on the title, and read all rows of the label: 7 ms per row at
-- 20,000 rows.
CREATE INDEX post_labels_published_key ON post_labels (kind, published, label, published_key, post_id, updated_at)
    WHERE sortable AND published_key >= '-infinity';
CREATE INDEX post_labels_updated_at ON post_labels (kind, published, label, updated_at, post_id, published_key)
    WHERE sortable AND updated_at >= '-infinity';
CREATE INDEX post_labels_title ON post_labels (kind, published, label, title, post_id, published_key, updated_at)
    WHERE sortable AND title >= '';

-- The labels of a post. Skips names that no filter can ask for: empty ones, and those of more than 200 characters. Of
-- names that differ only by the case of ASCII letters, the first one counts. Not STRICT, so that PostgreSQL can inline
-- it.
CREATE FUNCTION posts_labels(tags text, authors text) RETURNS TABLE (kind text, label text, name text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    SELECT DISTINCT ON (names.kind, lower(names.name COLLATE "C")) names.kind, lower(names.name COLLATE "C"), names.name
    FROM (
        SELECT 't', tag.* FROM jsonb_array_elements_text(tags::jsonb) WITH ORDINALITY AS tag
        UNION ALL SELECT 'a', author.* FROM jsonb_array_elements_text(authors::jsonb) WITH ORDINALITY AS author
    ) AS names (kind, name, position)
    WHERE length(names.name) BETWEEN 1 AND 200
    ORDER BY names.kind, lower(names.name COLLATE "C"), names.position;
END;

INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
SELECT labels.kind, labels.label, published, published, id, published_key, updated_at, title, labels.name
FROM posts CROSS JOIN LATERAL posts_labels(tags, authors) AS labels
WHERE tags <> '[]' OR authors <> '[]';

-- Adds the drafts of a name to the indexes if there are more than 1,000 that are not in them. SKIP LOCKED prevents
-- deadlocks with transactions that change some of these posts; a later call adds the skipped rows.
CREATE FUNCTION posts_sort_drafts(draft_kind text, draft_label text) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM post_labels
    WHERE kind = draft_kind AND label = draft_label AND published = FALSE AND sortable = FALSE
    OFFSET 1000 LIMIT 1;
    IF FOUND THEN
        UPDATE post_labels SET sortable = TRUE WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM post_labels
            WHERE kind = draft_kind AND label = draft_label AND published = FALSE AND sortable = FALSE
            FOR UPDATE SKIP LOCKED
        ));
    END IF;
END
$$;

-- Writes the labels of a new post. To count the drafts that are not in the indexes takes as long as several inserts, so
-- one insert in 64 counts.
--
-- The names are inserted in their order, and those that differ from an earlier one by the case of ASCII letters are in
-- conflict with it. posts_labels() would sort them. src/posts/deferred_triggers does the same for the posts of an
-- import.
CREATE FUNCTION posts_insert_labels() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
    SELECT labels.kind, lower(labels.name COLLATE "C"), NEW.published, NEW.published, NEW.id, NEW.published_key,
        NEW.updated_at, NEW.title, labels.name
    FROM (
        SELECT 't', jsonb_array_elements_text(NEW.tags::jsonb)
        UNION ALL SELECT 'a', jsonb_array_elements_text(NEW.authors::jsonb)
    ) AS labels (kind, name)
    WHERE length(labels.name) BETWEEN 1 AND 200
    ON CONFLICT DO NOTHING;
    IF NOT NEW.published AND random() < 1.0 / 64 THEN
        PERFORM posts_sort_drafts(labels.kind, labels.label) FROM posts_labels(NEW.tags, NEW.authors) AS labels;
    END IF;
    RETURN NULL;
END
$$;

-- Writes the labels of a changed post, or removes those of a deleted one.
--   1. It has the privileges of its owner, because a role that may write to posts need not have any on this table. So
--      the search_path is fixed below, with temporary tables last.
--   2. If the post has the same tags and authors as before, it updates the rows in place.
--   3. UPDATE and DELETE change one row per statement and name its whole primary key, so the plan is always a lookup: a
--      plan that scans a small table would remain in use while the table grows. The row of a draft is looked up with
--      each value of sortable: for `sortable IN (…)`, the planner may read all rows of the label.
CREATE FUNCTION posts_write_labels() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET enable_seqscan = off AS $$
DECLARE
    earlier record;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.tags = OLD.tags AND NEW.authors = OLD.authors THEN
        IF (NEW.id, NEW.published, NEW.published_key, NEW.updated_at, NEW.title)
            = (OLD.id, OLD.published, OLD.published_key, OLD.updated_at, OLD.title)
        THEN
            RETURN NULL;
        END IF;
        FOR earlier IN SELECT kind, label FROM posts_labels(OLD.tags, OLD.authors) LOOP
            UPDATE post_labels SET published = NEW.published, sortable = sortable OR NEW.published, post_id = NEW.id,
                published_key = NEW.published_key, updated_at = NEW.updated_at, title = NEW.title
            WHERE kind = earlier.kind AND label = earlier.label AND published = OLD.published
                AND sortable = OLD.published AND post_id = OLD.id;
            CONTINUE WHEN FOUND OR OLD.published;
            UPDATE post_labels SET published = NEW.published, post_id = NEW.id, published_key = NEW.published_key,
                updated_at = NEW.updated_at, title = NEW.title
            WHERE kind = earlier.kind AND label = earlier.label AND published = FALSE AND sortable AND post_id = OLD.id;
        END LOOP;
        RETURN NULL;
    END IF;
    FOR earlier IN SELECT kind, label FROM posts_labels(OLD.tags, OLD.authors) LOOP
        DELETE FROM post_labels
        WHERE kind = earlier.kind AND label = earlier.label AND published = OLD.published
            AND sortable = OLD.published AND post_id = OLD.id;
        CONTINUE WHEN FOUND OR OLD.published;
        DELETE FROM post_labels
        WHERE kind = earlier.kind AND label = earlier.label AND published = FALSE AND sortable AND post_id = OLD.id;
    END LOOP;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO post_labels (kind, label, published, sortable, post_id, published_key, updated_at, title, name)
        SELECT kind, label, NEW.published, NEW.published, NEW.id, NEW.published_key, NEW.updated_at, NEW.title, name
        FROM posts_labels(NEW.tags, NEW.authors)
        ON CONFLICT DO NOTHING;
        IF NOT NEW.published AND random() < 1.0 / 64 THEN
            PERFORM posts_sort_drafts(labels.kind, labels.label) FROM posts_labels(NEW.tags, NEW.authors) AS labels;
        END IF;
    END IF;
    RETURN NULL;
END
$$;
-- A post without tags and authors costs one WHEN condition. The condition is short, because PostgreSQL parses and plans
-- it for every statement.
CREATE TRIGGER posts_insert_labels AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.tags <> '[]' OR NEW.authors <> '[]')
    EXECUTE FUNCTION posts_insert_labels();
CREATE TRIGGER posts_update_labels AFTER UPDATE ON posts FOR EACH ROW
    WHEN (NEW.tags <> '[]' OR NEW.authors <> '[]' OR OLD.tags <> '[]' OR OLD.authors <> '[]')
    EXECUTE FUNCTION posts_write_labels();
CREATE TRIGGER posts_delete_labels AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.tags <> '[]' OR OLD.authors <> '[]')
    EXECUTE FUNCTION posts_write_labels();

CREATE FUNCTION posts_truncate_labels() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    TRUNCATE post_labels;
    RETURN NULL;
END
$$;
CREATE TRIGGER posts_truncate_labels AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_truncate_labels();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['posts_insert_labels', 'posts_write_labels', 'posts_truncate_labels'] LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I() FROM PUBLIC', name);
    END LOOP;
END
$$;

-- The triggers also fire for rows that logical replication and tools copy into posts, like the other triggers of posts.
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_insert_labels;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_update_labels;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_delete_labels;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_truncate_labels;

-- If such a copy includes post_labels, its rows would collide with those that the triggers have written. They are
-- skipped: this trigger fires only in replication sessions, and outside of another trigger. The condition names these
-- sessions too: ENABLE TRIGGER ALL, as after pg_restore --disable-triggers, undoes ENABLE REPLICA.
CREATE FUNCTION post_labels_skip_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER post_labels_skip_row BEFORE INSERT OR UPDATE OR DELETE ON post_labels FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND current_setting('session_replication_role') = 'replica')
    EXECUTE FUNCTION post_labels_skip_row();
ALTER TABLE post_labels ENABLE REPLICA TRIGGER post_labels_skip_row;
