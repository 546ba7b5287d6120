-- A search by relevance asks first for posts that have the words in their title. The index of whole posts finds all that
-- have them anywhere, and leaves the weights to be checked row by row; this one has the words of titles only.
--
-- PL/pgSQL and a cost, so that the planner neither looks into it nor takes it for free: walking through all posts in
-- order and asking each would otherwise seem cheaper than the index.
CREATE FUNCTION posts_title_vector(search tsvector) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
BEGIN
    RETURN ts_filter(search, '{a}');
END
$$;
CREATE INDEX posts_search_title ON posts USING gin (posts_title_vector(search));

-- How many posts have a word decides between the index and a walk. By default the planner knows the thousand most
-- frequent words, and takes every other for as frequent as one post in 200.
ALTER TABLE posts ALTER COLUMN search SET STATISTICS 1000;
ALTER INDEX posts_search_title ALTER COLUMN 1 SET STATISTICS 1000;
ANALYZE posts;
