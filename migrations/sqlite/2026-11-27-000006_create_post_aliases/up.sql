-- The old slugs of posts, for redirects to the present slug.
--
-- The rules, which triggers keep for every writer:
--   1. If the slug of a published post changes, the old slug becomes an alias of the post. The slug of a draft does
--      not.
--   2. The slug of a published post is not an alias, and no post has its own slug as an alias. A draft may have the
--      slug of another post's alias. It ends the redirect when it is published, so that no public response depends on
--      drafts.
--   3. A post has at most 50 aliases. The oldest one is removed first.
--
-- published: a copy of posts.published. With it, the list of redirects never scans the aliases of drafts.
--
-- Triggers rather than a foreign key remove the aliases of a deleted post. The sqlite3 shell does not enforce foreign
-- keys, and a migration that rebuilds the table posts would delete all aliases: DROP TABLE obeys foreign keys.
CREATE TABLE post_aliases (
    slug       TEXT PRIMARY KEY NOT NULL,
    post_id    INTEGER NOT NULL,
    published  INTEGER NOT NULL DEFAULT FALSE CHECK (published IN (FALSE, TRUE)),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')
) STRICT, WITHOUT ROWID;
CREATE INDEX post_aliases_post_id ON post_aliases (post_id, created_at, slug);
CREATE INDEX post_aliases_published_slug ON post_aliases (published, slug, post_id);

-- Applies rule 2 to a new alias.
CREATE TRIGGER post_aliases_check_slug BEFORE INSERT ON post_aliases
    WHEN EXISTS (SELECT 1 FROM posts WHERE slug = new.slug AND (published OR id = new.post_id))
BEGIN
    SELECT RAISE(IGNORE);
END;

-- Sets the copy of posts.published, and applies rule 3.
CREATE TRIGGER post_aliases_remove_oldest AFTER INSERT ON post_aliases
BEGIN
    UPDATE post_aliases SET published = NOT published
    WHERE slug = new.slug
        AND EXISTS (SELECT 1 FROM posts WHERE id = new.post_id AND posts.published <> post_aliases.published);
    DELETE FROM post_aliases WHERE slug IN (
        SELECT slug FROM post_aliases WHERE post_id = new.post_id
        ORDER BY created_at DESC, slug DESC LIMIT -1 OFFSET 50
    );
END;

-- Applies rule 2 when a post becomes public.
CREATE TRIGGER posts_remove_alias AFTER INSERT ON posts
    WHEN new.published
BEGIN
    DELETE FROM post_aliases WHERE slug = new.slug;
END;

-- Applies rules 1 and 2 when a post changes. The times of strftime have milliseconds. The service's updated_at has
-- microseconds, so that aliases which follow quickly upon each other keep their order.
--
-- The INSERT needs no conflict clause: the DELETE before it prevents a conflict. The conflict clause of an outer
-- statement, such as UPDATE OR IGNORE, would replace it.
--
-- To publish or unpublish a post changes no alias unless it has some, or its slug is one. Without this condition, the
-- four statements took two thirds of the time of a publish.
CREATE TRIGGER posts_update_aliases AFTER UPDATE OF id, slug, published ON posts
    WHEN new.slug <> old.slug OR new.id <> old.id OR (new.published <> old.published AND (
        EXISTS (SELECT 1 FROM post_aliases WHERE slug = new.slug)
        OR EXISTS (SELECT 1 FROM post_aliases WHERE post_id = old.id)
    ))
BEGIN
    DELETE FROM post_aliases WHERE slug = new.slug AND (new.published OR post_id = old.id);
    UPDATE post_aliases SET post_id = new.id, published = new.published
    WHERE post_id = old.id AND (new.published <> old.published OR new.id <> old.id);
    DELETE FROM post_aliases WHERE slug = old.slug AND old.published AND new.slug <> old.slug;
    INSERT INTO post_aliases (slug, post_id, published, created_at)
    SELECT old.slug, new.id, new.published, CASE WHEN new.updated_at <> old.updated_at THEN new.updated_at
        ELSE strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' END
    WHERE old.published AND new.slug <> old.slug;
END;

CREATE TRIGGER posts_delete_aliases AFTER DELETE ON posts
BEGIN
    DELETE FROM post_aliases WHERE post_id = old.id;
END;
