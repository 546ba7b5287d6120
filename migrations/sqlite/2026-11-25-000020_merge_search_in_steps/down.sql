INSERT INTO posts_search(posts_search, rank) VALUES ('automerge', 4);
INSERT INTO posts_search(posts_search, rank) VALUES ('crisismerge', 16);
