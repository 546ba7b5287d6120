-- Whoever changes a post without moving its version has it moved, so that tags made of versions hold. The service moves
-- the version itself, and for it the first comparison ends the matter.
-- One trigger does this and drops the excerpt: two would move the version twice. Where recursive triggers are on, its
-- own update moves the version and so does not fire it again.
-- Other processes' changes are noticed by PRAGMA data_version; PostgreSQL sends notifications for that.
DROP TRIGGER posts_drop_excerpt;
CREATE TRIGGER posts_note_change AFTER UPDATE ON posts
    WHEN (new.version <= old.version AND (
            new.id <> old.id OR new.slug <> old.slug OR new.title <> old.title OR new.content IS NOT old.content
            OR new.excerpt IS NOT old.excerpt OR new.published <> old.published
            OR new.published_at IS NOT old.published_at OR new.scheduled_for IS NOT old.scheduled_for
            OR new.created_at <> old.created_at OR new.updated_at <> old.updated_at OR new.version <> old.version
        ))
        OR (new.content IS NOT old.content AND new.excerpt IS old.excerpt AND new.excerpt IS NOT NULL)
BEGIN
    UPDATE posts SET
        excerpt = CASE WHEN new.content IS NOT old.content AND new.excerpt IS old.excerpt THEN NULL ELSE new.excerpt END,
        version = max(new.version, old.version + 1),
        updated_at = CASE WHEN new.version <= old.version AND new.updated_at = old.updated_at
            THEN strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' ELSE new.updated_at END
    WHERE id = new.id;
END;
