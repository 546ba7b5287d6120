-- The same words on both databases: letters and decimal digits make words, every other character separates them, case
-- and diacritics are folded, nothing is stemmed and no word is left out. PostgreSQL does it with posts_words().
CREATE VIRTUAL TABLE posts_search USING fts5(
    title, content,
    content = 'posts', content_rowid = 'id',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* Nd'"
);
INSERT INTO posts_search (posts_search) VALUES ('rebuild');

CREATE TRIGGER posts_search_insert AFTER INSERT ON posts BEGIN
    INSERT INTO posts_search (rowid, title, content) VALUES (new.id, new.title, new.content);
END;
CREATE TRIGGER posts_search_delete AFTER DELETE ON posts BEGIN
    INSERT INTO posts_search (posts_search, rowid, title, content) VALUES ('delete', old.id, old.title, old.content);
END;
CREATE TRIGGER posts_search_update AFTER UPDATE OF id, title, content ON posts
    WHEN new.id <> old.id OR new.title IS NOT old.title OR new.content IS NOT old.content
BEGIN
    INSERT INTO posts_search (posts_search, rowid, title, content) VALUES ('delete', old.id, old.title, old.content);
    INSERT INTO posts_search (rowid, title, content) VALUES (new.id, new.title, new.content);
END;
