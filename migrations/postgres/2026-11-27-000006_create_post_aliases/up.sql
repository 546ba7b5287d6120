-- The old slugs of posts, for redirects to the present slug.
--
-- The rules, which triggers keep for every writer:
--   1. If the slug of a published post changes, the old slug becomes an alias of the post. The slug of a draft does
--      not.
--   2. The slug of a published post is not an alias, and no post has its own slug as an alias. A draft may have the
--      slug of another post's alias. It ends the redirect when it is published, so that no public response depends on
--      drafts.
--   3. A post has at most 50 aliases. The oldest one is removed first.
--
-- published: a copy of posts.published. With it, the list of redirects never scans the aliases of drafts.
--
-- Triggers rather than a foreign key remove the aliases of a deleted post: with a foreign key, TRUNCATE posts would
-- fail, and sessions with session_replication_role = replica would leave the aliases behind.
CREATE TABLE post_aliases (
    slug       text COLLATE "C" PRIMARY KEY,
    post_id    bigint NOT NULL,
    published  boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX post_aliases_post_id ON post_aliases (post_id, created_at, slug);
-- Declares NULLS FIRST, and the list of redirects asks for the same. A slug is never null: the clause only prevents the
-- planner from walking the primary key instead, past all aliases of drafts.
CREATE INDEX post_aliases_published_slug ON post_aliases (published, slug NULLS FIRST, post_id);

-- Applies rule 2 to a new alias, and sets its copy of posts.published. FOR SHARE waits for a transaction that publishes
-- or unpublishes the post.
--
-- Logical replication copies the rows of this table too. The triggers of posts have then inserted them already.
CREATE FUNCTION post_aliases_check_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM posts WHERE posts.slug = NEW.slug AND (posts.published OR posts.id = NEW.post_id)) THEN
        RETURN NULL;
    END IF;
    NEW.published := coalesce((SELECT posts.published FROM posts WHERE id = NEW.post_id FOR SHARE), NEW.published);
    IF current_setting('session_replication_role') = 'replica' THEN
        DELETE FROM post_aliases WHERE slug = NEW.slug;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER post_aliases_check_slug BEFORE INSERT ON post_aliases FOR EACH ROW
    EXECUTE FUNCTION post_aliases_check_slug();

-- Applies rule 3.
CREATE FUNCTION post_aliases_remove_oldest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM post_aliases WHERE slug IN (
        SELECT slug FROM post_aliases WHERE post_id = NEW.post_id ORDER BY created_at DESC, slug DESC OFFSET 50
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER post_aliases_remove_oldest AFTER INSERT ON post_aliases FOR EACH ROW
    EXECUTE FUNCTION post_aliases_remove_oldest();

-- Applies rule 2 when a post becomes public. src/posts/deferred_triggers does the same for the posts of an import.
CREATE FUNCTION posts_remove_alias() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM post_aliases WHERE slug = NEW.slug;
    RETURN NULL;
END
$$;
CREATE TRIGGER posts_remove_alias AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_remove_alias();

-- Applies rules 1 and 2 when a post changes. The condition names no column in UPDATE OF, because a trigger of another
-- program may change a column that the statement does not set.
CREATE FUNCTION posts_update_aliases() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- To publish or unpublish a post changes no alias unless it has some, or its slug is one.
    IF NEW.slug = OLD.slug AND NEW.id = OLD.id
        AND NOT EXISTS (SELECT FROM post_aliases WHERE slug = NEW.slug)
        AND NOT EXISTS (SELECT FROM post_aliases WHERE post_id = NEW.id)
    THEN
        RETURN NULL;
    END IF;
    DELETE FROM post_aliases WHERE slug = NEW.slug AND (NEW.published OR post_id = OLD.id);
    IF NEW.published <> OLD.published OR NEW.id <> OLD.id THEN
        UPDATE post_aliases SET post_id = NEW.id, published = NEW.published WHERE post_id = OLD.id;
    END IF;
    IF NEW.slug <> OLD.slug AND OLD.published THEN
        INSERT INTO post_aliases (slug, post_id, published) VALUES (OLD.slug, NEW.id, NEW.published)
        ON CONFLICT (slug) DO UPDATE
            SET post_id = excluded.post_id, published = excluded.published, created_at = excluded.created_at;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER posts_update_aliases AFTER UPDATE ON posts FOR EACH ROW
    WHEN (NEW.slug <> OLD.slug OR NEW.published <> OLD.published OR NEW.id <> OLD.id)
    EXECUTE FUNCTION posts_update_aliases();

CREATE FUNCTION posts_delete_aliases() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM post_aliases;
    ELSE
        DELETE FROM post_aliases WHERE post_id = OLD.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER posts_delete_aliases AFTER DELETE ON posts FOR EACH ROW
    EXECUTE FUNCTION posts_delete_aliases();
CREATE TRIGGER posts_truncate_aliases AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_delete_aliases();

-- The revision of the published posts covers their aliases, for programs that write to this table directly.
CREATE TRIGGER post_aliases_count_insert AFTER INSERT ON post_aliases FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER post_aliases_count_update AFTER UPDATE ON post_aliases FOR EACH ROW
    WHEN (OLD.published OR NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER post_aliases_count_delete AFTER DELETE ON post_aliases FOR EACH ROW
    WHEN (OLD.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER post_aliases_count_truncate AFTER TRUNCATE ON post_aliases FOR EACH STATEMENT
    EXECUTE FUNCTION posts_count_change();

-- A role that may write to posts needs no privilege for this table: the functions run as their owner. Their search_path
-- ends with pg_temp, so that no temporary table of the role replaces a table of this schema.
--
-- REVOKE: otherwise, any role could run these functions with the privileges of their owner, by triggers on a table of
-- its own. To write to posts, a role needs no privilege for the functions of its triggers.
--
-- enable_seqscan: for a small table, the planner chooses sequential scans, and a session keeps these plans. With 300
-- aliases, the trigger of a publish then took 50 µs, and 13 µs with an index.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'post_aliases_check_slug', 'post_aliases_remove_oldest', 'posts_remove_alias', 'posts_update_aliases',
        'posts_delete_aliases'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %I() SECURITY DEFINER SET search_path = %I, pg_temp', name, current_schema());
        EXECUTE format('ALTER FUNCTION %I() SET enable_seqscan = off', name);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I() FROM PUBLIC', name);
    END LOOP;
END
$$;

-- As in the migration track_changes, the triggers also fire in sessions with session_replication_role = replica.
DO $$
DECLARE
    given record;
BEGIN
    FOR given IN SELECT tgname, tgrelid::regclass AS relation FROM pg_trigger
        WHERE tgrelid IN ('posts'::regclass, 'post_aliases'::regclass) AND NOT tgisinternal AND tgenabled <> 'A'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', given.relation, given.tgname);
    END LOOP;
END
$$;
