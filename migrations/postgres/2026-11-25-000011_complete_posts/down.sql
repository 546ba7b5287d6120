DROP TRIGGER posts_complete_update ON posts;
DROP TRIGGER posts_complete_insert ON posts;
DROP FUNCTION posts_complete();
DROP FUNCTION posts_numbered_slug(text, bigint);
DROP FUNCTION posts_slug(text);
CREATE OR REPLACE FUNCTION posts_vector(title text, content text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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
DROP FUNCTION posts_vector_of_words(text, text);
