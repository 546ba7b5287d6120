-- Other programs write posts, too, and know no more of one than its title, content and whether it is published. What they
-- leave out is completed: a slug from the title, the time of publication. The service gives both itself, and for its own
-- writes only the conditions of the triggers are looked at.

-- A slug from a title, as near to the service's own as SQL comes: letters that are not Latin are left out.
CREATE FUNCTION posts_slug(title text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    coalesce(nullif(
        trim(BOTH '-' FROM regexp_replace(
            replace(replace(replace(replace(
                translate(posts_words(title), 'øđðłħŧı', 'oddlhti') COLLATE "C",
                'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
            '[^a-z0-9]+', '-', 'g'
        )),
        ''
    ), 'post');

-- The slug, or slug-2, slug-3 …: at most 200 characters, and cut at the end of a word where it has more than one.
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

-- What is named here is looked up where it is now: see below.
CREATE FUNCTION posts_complete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    base text;
    taken bigint := 0;
    free bigint;
    number bigint;
BEGIN
    IF NEW.slug IS NULL THEN
        base := posts_slug(NEW.title);
        -- Two who ask for the same slug at once take turns.
        PERFORM pg_advisory_xact_lock(hashtextextended(base, 8101820111974519135));
        -- The number is doubled until one is free, and the gap then halved, as the service does it.
        WHILE free IS NULL OR free > taken + 1 LOOP
            number := CASE WHEN free IS NULL THEN greatest(taken * 2, 1) ELSE (taken + free) / 2 END;
            IF EXISTS (SELECT FROM posts WHERE slug = posts_numbered_slug(base, number)) THEN
                taken := number;
            ELSE
                free := number;
            END IF;
        END LOOP;
        NEW.slug := posts_numbered_slug(base, free);
    END IF;
    IF NEW.published THEN
        NEW.published_at := coalesce(NEW.published_at, now());
        NEW.scheduled_for := NULL;
    END IF;
    RETURN NEW;
END
$$;
-- Triggers fire in the order of their names: these before posts_move_version.
CREATE TRIGGER posts_complete_insert BEFORE INSERT ON posts FOR EACH ROW
    WHEN (NEW.slug IS NULL OR (NEW.published AND (NEW.published_at IS NULL OR NEW.scheduled_for IS NOT NULL)))
    EXECUTE FUNCTION posts_complete();
CREATE TRIGGER posts_complete_update BEFORE UPDATE ON posts FOR EACH ROW
    WHEN (NEW.published AND (NEW.published_at IS NULL OR NEW.scheduled_for IS NOT NULL))
    EXECUTE FUNCTION posts_complete();

-- A program may write posts without having their schema in its search path: Prisma with its parameter `schema`, or a
-- restored dump. PL/pgSQL looks names up when it runs; the body of an SQL function has them looked up already. So what
-- needs another function of this schema is said in SQL, and PL/pgSQL gets the words.
CREATE FUNCTION posts_vector_of_words(title text, content text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    head CONSTANT tsvector := setweight(to_tsvector('pg_catalog.simple', title), 'A') || '''|'':1';
    words CONSTANT text := coalesce(content, '');
    vector tsvector;
BEGIN
    IF octet_length(words) <= 262144 THEN
        vector := head || to_tsvector('pg_catalog.simple', words);
    ELSE
        BEGIN
            vector := head || to_tsvector('pg_catalog.simple', words);
        EXCEPTION WHEN program_limit_exceeded THEN
            vector := head || to_tsvector('pg_catalog.simple', left(words, 65536));
        END;
    END IF;
    IF octet_length(words) > 512 AND (
        octet_length(words) > 32766 OR EXISTS (SELECT FROM unnest(vector) WHERE cardinality(positions) >= 255)
    ) THEN
        RETURN vector || '''|+'':1';
    END IF;
    RETURN vector;
END
$$;
CREATE OR REPLACE FUNCTION posts_vector(title text, content text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN posts_vector_of_words(posts_words(title), posts_words(content));
