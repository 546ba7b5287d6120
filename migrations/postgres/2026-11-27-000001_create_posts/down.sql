DROP TABLE posts;
DROP FUNCTION posts_is_string_array(text);
