DROP TRIGGER posts_set_search ON posts;
DROP FUNCTION posts_set_search();
ALTER TABLE posts DROP COLUMN search, DROP COLUMN search_text;
DROP FUNCTION posts_vector(text, text);
DROP FUNCTION posts_words(text);
DROP FUNCTION posts_ascii_words(text);
DROP FUNCTION posts_fold(text);
