DROP TABLE posts;
DROP FUNCTION posts_drop_excerpt();
