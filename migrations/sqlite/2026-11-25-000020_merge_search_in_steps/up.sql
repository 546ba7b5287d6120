-- Each write adds a segment to the search index, and segments are merged into larger ones. With FTS5's default of 4, a
-- write beside a million posts pays for merging large segments again and again; with 8, it costs what it costs beside
-- ten thousand. Merging is in small steps until 64 segments have gathered on a level: the default of 16 merges all at
-- once, which keeps writers waiting for a third of a second.
INSERT INTO posts_search(posts_search, rank) VALUES ('automerge', 8);
INSERT INTO posts_search(posts_search, rank) VALUES ('crisismerge', 64);
