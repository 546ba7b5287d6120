DROP TRIGGER posts_set_search ON posts;
DROP FUNCTION posts_set_search();
ALTER TABLE posts DROP COLUMN search;
DROP FUNCTION posts_title_vector(tsvector);
DROP FUNCTION posts_text(text, text);
DROP FUNCTION posts_vector(text, text);
DROP FUNCTION posts_vector_from_words(text, text);
DROP FUNCTION posts_words(text);
DROP FUNCTION posts_fold(text);
