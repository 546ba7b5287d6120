ALTER TABLE posts DROP COLUMN search;
DROP FUNCTION posts_text(text, text);
DROP FUNCTION posts_vector(text, text);
DROP FUNCTION posts_words(text);
DROP FUNCTION posts_fold(text);
