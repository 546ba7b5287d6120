-- The log of changes to public posts, which clients follow. Triggers write it, so that it contains the changes of every
-- writer: the service, the scheduler, an older release during a rolling update, psql, Prisma. A write of a draft writes
-- no row.
--
-- seq: a value of the sequence posts_changes, which is taken before the transaction commits. A row can therefore become
-- visible after rows with a larger seq. The change poller determines up to which value the log is complete. The
-- sequence has gaps.
-- kind: 0 the beginning of the log, 1 published, 2 updated, 3 unpublished, 4 deleted.
-- version: of the post after the change; the last version of a deleted post.
-- slug: the public slug. For kinds 3 and 4, the last one that was public, because that of a draft must not become
-- known.
-- old_slug: the slug that this change replaced, if the post was public before and after it.
-- bulk: written by an import, which sets posts_api.bulk for its transaction.
CREATE TABLE post_changes (
    seq      bigint PRIMARY KEY DEFAULT nextval('posts_changes'),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    post_id  bigint NOT NULL,
    kind     smallint NOT NULL,
    version  bigint NOT NULL,
    slug     text COLLATE "C" NOT NULL,
    old_slug text COLLATE "C",
    bulk     boolean NOT NULL DEFAULT (coalesce(current_setting('posts_api.bulk', true), '') = 'on')
);
-- A cursor names a row, so that there is always one.
INSERT INTO post_changes (post_id, kind, version, slug) VALUES (0, 0, 0, '');

-- The functions:
--   1. They run as their owner: a role that may write to posts need not have any privilege for the log.
--   2. They contain the name of the schema and qualify all operators and functions, because the caller's search_path is
--      not trusted. To set the search_path for the function instead would take 9 µs per row rather than 5.
--   3. The defaults of the table fill the other columns.
--   4. src/posts/deferred_triggers does what posts_log_insert does for the posts of an import.
DO $$
DECLARE
    log CONSTANT text := format('%I.post_changes', current_schema());
BEGIN
    EXECUTE replace($definition$
        CREATE FUNCTION posts_log_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
        BEGIN
            INSERT INTO <log> (post_id, kind, version, slug) VALUES (NEW.id, 1, NEW.version, NEW.slug);
            RETURN NULL;
        END
        $body$
    $definition$, '<log>', log);

    -- An UPDATE that changes no value leaves the version alone, unless it is the largest one: see posts_set_version.
    EXECUTE replace($definition$
        CREATE FUNCTION posts_log_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
        BEGIN
            IF NEW.version OPERATOR(pg_catalog.=) OLD.version
                AND NEW.version OPERATOR(pg_catalog.<) 9007199254740991
            THEN
                RETURN NULL;
            END IF;
            IF NEW.id OPERATOR(pg_catalog.<>) OLD.id THEN
                IF OLD.published THEN
                    INSERT INTO <log> (post_id, kind, version, slug) VALUES (OLD.id, 4, OLD.version, OLD.slug);
                END IF;
                IF NEW.published THEN
                    INSERT INTO <log> (post_id, kind, version, slug) VALUES (NEW.id, 1, NEW.version, NEW.slug);
                END IF;
                RETURN NULL;
            END IF;
            INSERT INTO <log> (post_id, kind, version, slug, old_slug) VALUES (
                NEW.id,
                CASE WHEN NOT OLD.published THEN 1 WHEN NEW.published THEN 2 ELSE 3 END,
                NEW.version,
                CASE WHEN NEW.published THEN NEW.slug ELSE OLD.slug END,
                CASE WHEN OLD.published AND NEW.published AND NEW.slug OPERATOR(pg_catalog.<>) OLD.slug
                    THEN OLD.slug END
            );
            RETURN NULL;
        END
        $body$
    $definition$, '<log>', log);

    EXECUTE replace($definition$
        CREATE FUNCTION posts_log_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
        BEGIN
            INSERT INTO <log> (post_id, kind, version, slug) VALUES (OLD.id, 4, OLD.version, OLD.slug);
            RETURN NULL;
        END
        $body$
    $definition$, '<log>', log);

    -- A TRUNCATE does not list the posts that it removes. A new log makes every cursor expire.
    EXECUTE replace($definition$
        CREATE FUNCTION posts_log_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
        BEGIN
            TRUNCATE <log>;
            INSERT INTO <log> (post_id, kind, version, slug) VALUES (0, 0, 0, '');
            RETURN NULL;
        END
        $body$
    $definition$, '<log>', log);
END
$$;

-- Otherwise, any role could run them with the privileges of their owner, by triggers on a table of its own.
REVOKE EXECUTE ON FUNCTION posts_log_insert(), posts_log_update(), posts_log_delete(), posts_log_truncate() FROM PUBLIC;

-- They replace the triggers that only advance the sequence.
DROP TRIGGER posts_count_insert ON posts;
DROP TRIGGER posts_count_update ON posts;
DROP TRIGGER posts_count_delete ON posts;
DROP TRIGGER posts_count_truncate ON posts;
CREATE TRIGGER posts_log_insert AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_log_insert();
CREATE TRIGGER posts_log_update AFTER UPDATE ON posts FOR EACH ROW
    WHEN (OLD.published OR NEW.published) EXECUTE FUNCTION posts_log_update();
CREATE TRIGGER posts_log_delete AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.published) EXECUTE FUNCTION posts_log_delete();
CREATE TRIGGER posts_log_truncate AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_log_truncate();

-- The triggers also fire for rows that logical replication and tools copy into posts, like the other triggers of posts.
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_log_insert;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_log_update;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_log_delete;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_log_truncate;

-- If such a copy includes post_changes, its rows would repeat those that the triggers have written. They are skipped:
-- this trigger fires only in replication sessions, and outside of another trigger. The condition names these sessions
-- too: ENABLE TRIGGER ALL, as after pg_restore --disable-triggers, undoes ENABLE REPLICA.
CREATE FUNCTION post_changes_skip_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER post_changes_skip_row BEFORE INSERT OR UPDATE OR DELETE ON post_changes FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND current_setting('session_replication_role') = 'replica')
    EXECUTE FUNCTION post_changes_skip_row();
ALTER TABLE post_changes ENABLE REPLICA TRIGGER post_changes_skip_row;
