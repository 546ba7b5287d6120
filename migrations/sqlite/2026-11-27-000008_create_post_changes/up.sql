-- The log of changes to public posts, which clients follow. Triggers write it, so that it contains the changes of every
-- writer: the service, the scheduler, the sqlite3 shell, Prisma. A write of a draft writes no row.
--
-- seq: without AUTOINCREMENT, which would take 2 µs more per row. The newest row is never deleted, so no position is
-- used again.
-- kind: 0 the beginning of the log, 1 published, 2 updated, 3 unpublished, 4 deleted.
-- version: of the post after the change; the last version of a deleted post.
-- slug: the public slug. For kinds 3 and 4, the last one that was public, because that of a draft must not become
-- known.
-- old_slug: the slug that this change replaced, if the post was public before and after it.
-- bulk: written by an import, which sets it at the end of its transaction.
CREATE TABLE post_changes (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
    post_id  INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    slug     TEXT NOT NULL,
    old_slug TEXT,
    bulk     INTEGER NOT NULL DEFAULT FALSE CHECK (bulk IN (FALSE, TRUE))
) STRICT;
-- A cursor names a row, so that there is always one.
INSERT INTO post_changes (post_id, kind, version, slug) VALUES (0, 0, 0, '');

CREATE TRIGGER posts_log_insert AFTER INSERT ON posts
    WHEN new.published
BEGIN
    INSERT INTO post_changes (post_id, kind, version, slug) VALUES (new.id, 1, new.version, new.slug);
END;

-- The posts whose version posts_set_version is raising. Empty outside of that trigger.
--
-- Its UPDATE fires posts_log_update too, and SQLite does not define whether before or after the outer UPDATE does. The
-- log must have one row for both, and only the outer one knows the earlier slug and state. Their values can be equal.
-- With recursive_triggers, the UPDATE would also fire posts_set_version again.
CREATE TABLE post_version_updates (
    post_id INTEGER PRIMARY KEY
) STRICT;
DROP TRIGGER posts_set_version;
CREATE TRIGGER posts_set_version AFTER UPDATE ON posts
    WHEN (
        new.version < min(old.version + 1, 9007199254740991)
        OR (new.content IS NOT old.content AND new.excerpt IS old.excerpt AND new.excerpt IS NOT NULL)
    ) AND NOT EXISTS (SELECT 1 FROM post_version_updates WHERE post_id = new.id)
BEGIN
    INSERT INTO post_version_updates (post_id) VALUES (new.id);
    UPDATE posts SET
        excerpt = CASE WHEN new.content IS NOT old.content AND new.excerpt IS old.excerpt
            THEN NULL ELSE new.excerpt END,
        version = min(max(new.version, old.version + 1), 9007199254740991),
        updated_at = CASE WHEN new.version <= old.version AND new.updated_at = old.updated_at
            THEN strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' ELSE new.updated_at END
    WHERE id = new.id;
    DELETE FROM post_version_updates WHERE post_id = new.id;
END;

-- version: what posts_set_version makes of it, before or after this trigger.
CREATE TRIGGER posts_log_update AFTER UPDATE ON posts
    WHEN (old.published OR new.published) AND new.id = old.id
        AND NOT EXISTS (SELECT 1 FROM post_version_updates WHERE post_id = new.id)
BEGIN
    INSERT INTO post_changes (post_id, kind, version, slug, old_slug) VALUES (
        new.id,
        CASE WHEN NOT old.published THEN 1 WHEN new.published THEN 2 ELSE 3 END,
        min(max(new.version, old.version + 1), 9007199254740991),
        CASE WHEN new.published THEN new.slug ELSE old.slug END,
        CASE WHEN old.published AND new.published AND new.slug <> old.slug THEN old.slug END
    );
END;

-- A post with another id is another post.
CREATE TRIGGER posts_log_move AFTER UPDATE OF id ON posts
    WHEN new.id <> old.id
BEGIN
    INSERT INTO post_changes (post_id, kind, version, slug)
    SELECT old.id, 4, old.version, old.slug WHERE old.published;
    INSERT INTO post_changes (post_id, kind, version, slug)
    SELECT new.id, 1, min(max(new.version, old.version + 1), 9007199254740991), new.slug WHERE new.published;
END;

CREATE TRIGGER posts_log_delete AFTER DELETE ON posts
    WHEN old.published
BEGIN
    INSERT INTO post_changes (post_id, kind, version, slug) VALUES (old.id, 4, old.version, old.slug);
END;
