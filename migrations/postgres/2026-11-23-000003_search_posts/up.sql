-- The same words on both databases: letters and decimal digits make words, every other character separates them, case
-- and diacritics are folded, nothing is stemmed and no word is left out. SQLite does it with
-- `unicode61 remove_diacritics 2 categories 'L* Nd'`; here ICU's rules do, so that the database's locale does not
-- matter.

-- Lower case, with one sigma; Latin letters without diacritics, those of other scripts with theirs. Syntax characters of a tsquery stay
-- as they are.
CREATE FUNCTION posts_fold(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    regexp_replace(
        normalize(
            regexp_replace(
                normalize(translate(lower(given COLLATE "und-x-icu"), 'ς', 'σ'), NFD), '([a-z])[\u0300-\u036f]+', '\1', 'g'
            ),
            NFC
        ),
        '[\u0300-\u036f]', '', 'g'
    );

-- Most text is ASCII, for which the same is had with less work.
CREATE FUNCTION posts_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
    CASE WHEN octet_length(given) = char_length(given)
        THEN regexp_replace(lower(given COLLATE "C"), '[^a-z0-9]+', ' ', 'g')
        ELSE regexp_replace(posts_fold(given) COLLATE "und-x-icu", '[^[:alnum:]]+', ' ', 'g') COLLATE "C"
    END;

-- The bar between title and content is no word: a phrase cannot begin in the one and end in the other.
--
-- A tsvector keeps 255 positions of a word and none past the 16,383rd word. Where some were lost it says so with the
-- lexeme '|+', and phrases are looked for in the text itself.
--
-- A tsvector holds 1 MiB, which some 100,000 different words of three bytes exceed; of such a text only the beginning
-- is found. Half the largest content never exceeds it.
CREATE FUNCTION posts_vector(title text, content text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    head CONSTANT tsvector := setweight(to_tsvector('pg_catalog.simple', posts_words(title)), 'A') || '''|'':1';
    words CONSTANT text := coalesce(posts_words(content), '');
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

-- The text in which a phrase is looked for, a space around every word.
CREATE FUNCTION posts_text(title text, content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    ' ' || posts_words(title) || ' | ' || coalesce(posts_words(content), '') || ' ';

ALTER TABLE posts ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (posts_vector(title, content)) STORED;

CREATE INDEX posts_search ON posts USING gin (search);
