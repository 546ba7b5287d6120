DROP TRIGGER posts_drop_excerpt ON posts;
DROP FUNCTION posts_drop_excerpt();
DROP INDEX posts_scheduled_for;
DROP INDEX posts_published_title;
DROP INDEX posts_published_updated_at;
DROP INDEX posts_published_published_key;
ALTER TABLE posts DROP COLUMN published_key, DROP COLUMN excerpt;
