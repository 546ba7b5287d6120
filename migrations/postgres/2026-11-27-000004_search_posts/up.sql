-- Full-text search. Both databases split text into the same words: letters and decimal digits form words, every other
-- character separates them. Case and diacritics are folded; there is no stemming and there are no stop words.
-- SQLite does the same with its tokenizer unicode61. Here ICU's rules apply, so that the locale of the database does
-- not matter.

-- Folds a text or a tsquery: lower case, one sigma, Latin letters without diacritics. Letters of other scripts are
-- composed where a composed form exists, and lose the marks that remain. The operators of a tsquery are unchanged.
CREATE FUNCTION posts_fold(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    regexp_replace(
        normalize(
            regexp_replace(
                normalize(translate(lower(given COLLATE "und-x-icu"), 'ς', 'σ'), NFD),
                '([a-z])[\u0300-\u036f]+', '\1', 'g'
            ),
            NFC
        ),
        '[\u0300-\u036f]', '', 'g'
    );

-- The folded words of a text, separated by one space each. Most text is ASCII, for which a cheaper expression gives the
-- same result.
CREATE FUNCTION posts_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    CASE WHEN octet_length(given) = char_length(given)
        THEN regexp_replace(lower(given COLLATE "C"), '[^a-z0-9]+', ' ', 'g')
        ELSE regexp_replace(posts_fold(given) COLLATE "und-x-icu", '[^[:alnum:]]+', ' ', 'g') COLLATE "C"
    END;

-- The tsvector of a post, from the words of its title (weight A) and of its content.
--   1. The lexeme '|' stands between the title and the content, so that no phrase spans both.
--   2. A tsvector stores at most 255 positions per lexeme, and no position above 16,383. If positions may have been
--      dropped, the lexeme '|+' says so, and the service checks phrases against posts_text() instead.
--   3. A tsvector holds at most 1 MiB, which some 100,000 different words of three bytes exceed. Of such a content, the
--      first 65,536 characters are indexed. Words of up to 262,144 bytes, half of the largest content, always fit.
--
-- A client may write to posts without having this schema in its search_path: Prisma with its parameter `schema`, or
-- pg_restore. PL/pgSQL resolves names at run time, a SQL-standard function body at creation time. So calls of functions
-- of this schema are in the SQL function, and the PL/pgSQL function receives words.
CREATE FUNCTION posts_vector_from_words(title text, content text) RETURNS tsvector
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
CREATE FUNCTION posts_vector(title text, content text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN posts_vector_from_words(posts_words(title), posts_words(content));

-- The words of a post with a space around each one: a phrase is found in it with LIKE.
CREATE FUNCTION posts_text(title text, content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    ' ' || posts_words(title) || ' | ' || coalesce(posts_words(content), '') || ' ';

-- The words of the title alone. It is PL/pgSQL and has a high cost so that the planner neither inlines it nor prefers
-- to walk all posts in order and call it for each one: the index posts_search_title is cheaper.
CREATE FUNCTION posts_title_vector(search tsvector) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
BEGIN
    RETURN ts_filter(search, '{a}');
END
$$;

-- Not a generated column: PostgreSQL recomputes those at every UPDATE of a table with a BEFORE UPDATE trigger, so that
-- publishing a post would parse its content again. The trigger runs only for statements that set title, content, or
-- search; a value that a client assigns to search is replaced.
ALTER TABLE posts ADD COLUMN search tsvector NOT NULL;
CREATE FUNCTION posts_set_search() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.search := posts_vector(NEW.title, NEW.content);
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_set_search BEFORE INSERT OR UPDATE OF title, content, search ON posts FOR EACH ROW
    EXECUTE FUNCTION posts_set_search();

-- A search by relevance first asks for posts that have the words in their title. posts_search finds all posts that have
-- them anywhere, and leaves the weights to be checked row by row; posts_search_title has the words of titles only.
--
-- New words wait in a pending list until PostgreSQL sorts them into the index, and every search scans that list. At the
-- default of 4 MB, which some thousand new posts fill, a search took four times as long. At 256 kB writes cost no more.
CREATE INDEX posts_search ON posts USING gin (search) WITH (gin_pending_list_limit = 256);
CREATE INDEX posts_search_title ON posts USING gin (posts_title_vector(search)) WITH (gin_pending_list_limit = 256);

-- The planner chooses between the index and a walk in sort order by the number of posts that have a word. By default it
-- knows the 1,000 most frequent lexemes and assumes that one post in 200 has any other one.
ALTER TABLE posts ALTER COLUMN search SET STATISTICS 1000;
ALTER INDEX posts_search_title ALTER COLUMN 1 SET STATISTICS 1000;
