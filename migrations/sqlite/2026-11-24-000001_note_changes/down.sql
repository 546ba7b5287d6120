DROP TRIGGER posts_note_change;
CREATE TRIGGER posts_drop_excerpt AFTER UPDATE OF content ON posts
    WHEN new.content IS NOT old.content AND new.excerpt IS old.excerpt AND new.excerpt IS NOT NULL
BEGIN
    UPDATE posts SET excerpt = NULL WHERE id = new.id;
END;
