DROP TABLE posts_search;
CREATE VIRTUAL TABLE posts_search USING fts5(
    title, content,
    content = 'posts', content_rowid = 'id',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* Nd'"
);
INSERT INTO posts_search (posts_search) VALUES ('rebuild');
