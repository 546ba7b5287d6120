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

-- The words of an ASCII text in lower case, separated by one space each. The expression does not match a single space,
-- because each match takes time: for 500 characters, `[^a-z0-9]+` took 18 µs and this expression 4 µs.
--
-- PL/pgSQL rather than SQL: PostgreSQL does not inline a STRICT function with CASE, and to start the executor for an
-- SQL function takes as long as the expression.
CREATE FUNCTION posts_ascii_words(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN regexp_replace(lower(given COLLATE "C"), ' *[^a-z0-9 ][^a-z0-9]*| {2,}', ' ', 'g');
END
$$;

-- The folded words of a text, separated by one space each. Most text is ASCII, for which a cheaper expression gives the
-- same result.
CREATE FUNCTION posts_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    CASE WHEN octet_length(given) = char_length(given) THEN posts_ascii_words(given)
        ELSE regexp_replace(posts_fold(given) COLLATE "und-x-icu", '[^[:alnum:]]+', ' ', 'g') COLLATE "C"
    END;

-- The tsvector of a post, from the words of its title and of its content.
--   1. Each word of the title is there twice: as it is, and with the prefix '|'. The second lexeme answers whether the
--      title contains a word, also with NOT, from the index alone. Weights would need the row.
--   2. The lexeme '|' stands between the title and the content, so that no phrase spans both.
--   3. A tsvector holds at most 1 MiB, which some 100,000 different words of three bytes exceed. Of such a content, the
--      first 65,536 characters are indexed. Words of up to 262,144 bytes, half of the largest content, always fit.
CREATE FUNCTION posts_vector(title text, content text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    title_vector CONSTANT tsvector := to_tsvector('pg_catalog.simple', title);
    -- A tsvector as text is 'a':1 'b':2, and its lexemes contain neither spaces nor quotes.
    head CONSTANT tsvector :=
        title_vector || replace(' ' || title_vector::text, ' ''', ' ''|')::tsvector || '''|'':1';
    words CONSTANT text := coalesce(content, '');
BEGIN
    IF octet_length(words) <= 262144 THEN
        RETURN head || to_tsvector('pg_catalog.simple', words);
    END IF;
    BEGIN
        RETURN head || to_tsvector('pg_catalog.simple', words);
    EXCEPTION WHEN program_limit_exceeded THEN
        RETURN head || to_tsvector('pg_catalog.simple', left(words, 65536));
    END;
END
$$;

-- search: the words of the post, for the index.
-- search_text: if search lacks positions, the words of the post as text, with a space around each one; otherwise null.
-- A tsvector stores at most 255 positions per lexeme and no position above 16,383, so the service looks phrases up in
-- this text instead. It is stored because to split 100 kB into words takes some 10 ms, and uncompressed because it is
-- read to be searched once. A word needs at least 2 bytes, so 512 bytes have fewer than 255 positions per lexeme.
--
-- They are not generated columns: PostgreSQL recomputes those at every UPDATE of a table with a BEFORE UPDATE trigger, so
-- that publishing a post would parse its content again. The trigger runs only for statements that set title, content,
-- or one of these columns; a value that a client assigns to them is replaced.
ALTER TABLE posts ADD COLUMN search tsvector NOT NULL, ADD COLUMN search_text text COLLATE "C";
ALTER TABLE posts ALTER COLUMN search_text SET STORAGE EXTERNAL;
CREATE FUNCTION posts_set_search() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    title CONSTANT text := CASE WHEN octet_length(NEW.title) = char_length(NEW.title)
        THEN posts_ascii_words(NEW.title) ELSE posts_words(NEW.title) END;
    content CONSTANT text := CASE WHEN octet_length(NEW.content) = char_length(NEW.content)
        THEN posts_ascii_words(NEW.content) ELSE posts_words(NEW.content) END;
BEGIN
    NEW.search := posts_vector(title, content);
    NEW.search_text := CASE WHEN octet_length(content) > 262144 OR octet_length(content) > 512 AND EXISTS (
        SELECT FROM unnest(NEW.search)
        WHERE cardinality(positions) >= 255 OR positions[cardinality(positions)] >= 16383
    ) THEN ' ' || title || ' | ' || content || ' ' END;
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_set_search BEFORE INSERT OR UPDATE OF title, content, search, search_text ON posts FOR EACH ROW
    EXECUTE FUNCTION posts_set_search();

-- New words wait in a pending list until PostgreSQL sorts them into the index, and every search scans that list. At the
-- default of 4 MB, which some thousand new posts fill, a search took four times as long. At 256 kB single writes cost
-- no more, and an import takes a tenth longer. To change the limit for an import would block all readers of the index.
CREATE INDEX posts_search ON posts USING gin (search) WITH (gin_pending_list_limit = 256);

-- The planner chooses between the index and a walk in sort order by the number of posts that have a word. By default it
-- knows the 1,000 most frequent lexemes and assumes that one post in 200 has any other one.
ALTER TABLE posts ALTER COLUMN search SET STATISTICS 1000;
