-- Rules for writes by external writers such as the sqlite3 shell. The service computes these values itself.
--
-- If an UPDATE does not raise the version, the trigger raises it and sets updated_at, unless the version is the
-- largest. If an UPDATE changes the content without the excerpt, the trigger clears the excerpt. Null means that the
-- service derives it from the content.
--
-- One trigger does both: the UPDATE of a second trigger would raise the version again. A trigger does not fire for its
-- own UPDATE unless recursive_triggers is on, and then the recursion ends as soon as the version has been raised.
--
-- PostgreSQL does more for external writers:
--   * It leaves the version alone if an UPDATE changes no value. SQLite cannot compare whole rows, and a list of all
--     columns would have to grow with the table.
--   * It fills a missing slug and published_at. A trigger of SQLite cannot change a row before its constraints are
--     checked: an INSERT without a slug fails here.
--   * It advances the sequence posts_changes. SQLite has PRAGMA data_version for that purpose.
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
