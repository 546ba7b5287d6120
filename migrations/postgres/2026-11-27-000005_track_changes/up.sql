-- Rules for writes to posts by external writers such as psql or Prisma, which may know only the title, the content, and
-- whether the post is published. The service computes the other values itself, so that its own writes normally cost the
-- WHEN conditions only. The last part, the sequence, serves every writer.
--
-- Triggers of one kind fire in alphabetical order. posts_set_version must be the last BEFORE UPDATE trigger, because it
-- compares the row that the others have changed.

-- An external writer that changes the content without the excerpt would leave a wrong excerpt. Null means that the
-- service derives it from the content.
CREATE FUNCTION posts_clear_excerpt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.excerpt := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_clear_excerpt BEFORE UPDATE OF content ON posts FOR EACH ROW
    WHEN (NEW.content IS DISTINCT FROM OLD.content AND NEW.excerpt IS NOT DISTINCT FROM OLD.excerpt)
    EXECUTE FUNCTION posts_clear_excerpt();

-- Replaces characters by ASCII letters and digits that posts_words() would leave alone or drop. The text is in lower
-- case and in normalization form D.
CREATE FUNCTION posts_transliterate(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    pairs CONSTANT text[] := ARRAY[
        ['ß', 'ss'], ['æ', 'ae'], ['œ', 'oe'], ['þ', 'th'], ['ĳ', 'ij'], ['ŋ', 'ng'], ['ŉ', ' n'],
        ['¢', 'c '], ['¥', 'y '], ['£', 'ps'], ['§', 'ss'], ['©', ' c '], ['®', ' r '], ['°', 'deg'],
        ['¼', '1 4'], ['½', '1 2'], ['¾', '3 4'], ['€', 'eur'], ['™', 'tm']
    ];
    pair text[];
BEGIN
    -- Invisible: control characters beyond ASCII, and the soft hyphen.
    given := regexp_replace(given, '[\u0080-\u009f\u00ad]', '', 'g');
    given := translate(given, 'øđðłħŧıĸŀſªºµ¶×¹²³', 'oddlhtiklsaoupx123');
    FOREACH pair SLICE 1 IN ARRAY pairs LOOP
        given := replace(given, pair[1], pair[2]);
    END LOOP;
    RETURN given;
END
$$;

-- A slug from a title: `from_title` of src/posts/slug.rs in SQL, without the limit of length. Change both together;
-- tests/api/posts/sql_slugs.rs compares them.
--
-- The results are equal for ASCII, Latin-1, Latin Extended-A (U+0000 to U+017F), Vietnamese letters (U+1EA0 to U+1EF9),
-- combining diacritics behind a Latin letter, punctuation (U+2010 to U+2027), and the signs € and ™. The service
-- transliterates other characters, such as Cyrillic and Chinese letters; SQL treats them as separators. A title of
-- separators only gets the slug 'post'.
CREATE FUNCTION posts_slug(title text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    coalesce(nullif(
        trim(BOTH '-' FROM regexp_replace(
            posts_words(posts_transliterate(normalize(lower(title COLLATE "und-x-icu"), NFD))) COLLATE "C",
            '[^a-z0-9]+', '-', 'g'
        )),
        ''
    ), 'post');

-- The slug, or slug-2, slug-3, …: `numbered` of src/posts/slug.rs in SQL. At most 200 characters; a longer slug is cut
-- at the end of a word, if it has more than one.
CREATE FUNCTION posts_numbered_slug(slug text, number bigint) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    suffix CONSTANT text := CASE WHEN number > 1 THEN '-' || number ELSE '' END;
    longest CONSTANT integer := 200 - length(suffix);
BEGIN
    IF length(slug) > longest THEN
        slug := CASE WHEN substr(slug, longest + 1, 1) = '-' THEN left(slug, longest)
            ELSE regexp_replace(left(slug, longest), '-[^-]*$', '') END;
    END IF;
    RETURN slug || suffix;
END
$$;

-- Fills a missing slug with the first free one for the title: `find_free` of src/posts/slug.rs in SQL.
CREATE FUNCTION posts_fill_slug() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    base CONSTANT text := posts_slug(NEW.title);
    taken bigint := 0;
    free bigint;
    number bigint;
BEGIN
    -- Concurrent transactions that need a slug for the same title run one after the other.
    PERFORM pg_advisory_xact_lock(hashtextextended(base, 8101820111974519135));
    -- Doubles the number until a slug is free, then halves the gap.
    WHILE free IS NULL OR free > taken + 1 LOOP
        number := CASE WHEN free IS NULL THEN greatest(taken * 2, 1) ELSE (taken + free) / 2 END;
        IF EXISTS (SELECT FROM posts WHERE slug = posts_numbered_slug(base, number)) THEN
            taken := number;
        ELSE
            free := number;
        END IF;
    END LOOP;
    NEW.slug := posts_numbered_slug(base, free);
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_fill_slug BEFORE INSERT ON posts FOR EACH ROW
    WHEN (NEW.slug IS NULL)
    EXECUTE FUNCTION posts_fill_slug();

-- A published post has a time of publication and no schedule.
CREATE FUNCTION posts_set_published_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.published_at := coalesce(NEW.published_at, now());
    NEW.scheduled_for := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_set_published_at BEFORE INSERT OR UPDATE ON posts FOR EACH ROW
    WHEN (NEW.published AND (NEW.published_at IS NULL OR NEW.scheduled_for IS NOT NULL))
    EXECUTE FUNCTION posts_set_published_at();

-- Raises the version, and sets updated_at, if an external writer changed the row and did not raise the version itself.
-- The largest version stays as it is.
--
-- The function compares whole rows, so a new column needs no change here. The WHEN condition cannot do that: PostgreSQL
-- forbids whole rows with generated columns there. In a BEFORE trigger the generated columns of NEW are null, and
-- PostgreSQL computes them afterwards. So the function assigns them: if one were missing, an UPDATE that changes no
-- value would raise the version. `*<>` compares bytes, so that types without an equality operator work too.
CREATE FUNCTION posts_set_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.published_key := OLD.published_key;
    IF NEW *<> OLD THEN
        NEW.version := least(OLD.version, 9007199254740990) + 1;
        IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
            NEW.updated_at := clock_timestamp();
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_set_version BEFORE UPDATE ON posts FOR EACH ROW
    WHEN (NEW.version <= OLD.version)
    EXECUTE FUNCTION posts_set_version();

-- The revision of the published posts. Every instance polls this sequence, and outdates cached responses when it has
-- moved and when a transaction ends that was running at that time. Writes of drafts do not advance it.
--
-- A sequence rather than NOTIFY: PostgreSQL serializes the commits of transactions that notify, each with its own
-- flush. Advancing a sequence never waits.
CREATE SEQUENCE posts_changes;
-- A new sequence has the same last_value before and after its first use. Start with a used one.
SELECT setval('posts_changes', 1);
-- Instances read it, perhaps as a role that has privileges for the tables only.
GRANT SELECT ON SEQUENCE posts_changes TO PUBLIC;

-- Runs as its owner, so that a role that may write to posts needs no privilege for the sequence: with it, a role could
-- invalidate the caches of all instances at will. It contains the name of the schema and qualifies its function,
-- because the caller's search_path is not trusted.
DO $$
BEGIN
    EXECUTE replace($definition$
        CREATE FUNCTION posts_count_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
        BEGIN
            PERFORM pg_catalog.nextval(<sequence>);
            RETURN NULL;
        END
        $body$
    $definition$, '<sequence>', format('%L::pg_catalog.regclass', format('%I.posts_changes', current_schema())));
END
$$;
-- Otherwise, any role could run it by a trigger on a table of its own.
REVOKE EXECUTE ON FUNCTION posts_count_change() FROM PUBLIC;
CREATE TRIGGER posts_count_insert AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_update AFTER UPDATE ON posts FOR EACH ROW
    WHEN (OLD.published OR NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_delete AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_truncate AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_count_change();

-- By default, triggers do not fire in sessions with session_replication_role = replica: those of logical replication,
-- and of tools that copy data. Their rows need the same values, and caches must not miss them. A row that another
-- database of this service has written already fulfills the rules, so the triggers leave it as it is.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE posts ENABLE ALWAYS TRIGGER %I', name);
    END LOOP;
END
$$;
