DROP INDEX posts_search_title;
DROP FUNCTION posts_title_vector(tsvector);
ALTER TABLE posts ALTER COLUMN search SET STATISTICS -1;
