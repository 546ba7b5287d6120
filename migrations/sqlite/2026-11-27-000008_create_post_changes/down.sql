DROP TRIGGER posts_log_delete;
DROP TRIGGER posts_log_move;
DROP TRIGGER posts_log_update;
DROP TRIGGER posts_log_insert;
DROP TRIGGER posts_set_version;
DROP TABLE post_version_updates;
DROP TABLE post_changes;
CREATE TRIGGER posts_set_version AFTER UPDATE ON posts
    WHEN new.version < min(old.version + 1, 9007199254740991)
        OR (new.content IS NOT old.content AND new.excerpt IS old.excerpt AND new.excerpt IS NOT NULL)
BEGIN
    UPDATE posts SET
        excerpt = CASE WHEN new.content IS NOT old.content AND new.excerpt IS old.excerpt
            THEN NULL ELSE new.excerpt END,
        version = min(max(new.version, old.version + 1), 9007199254740991),
        updated_at = CASE WHEN new.version <= old.version AND new.updated_at = old.updated_at
            THEN strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' ELSE new.updated_at END
    WHERE id = new.id;
END;
