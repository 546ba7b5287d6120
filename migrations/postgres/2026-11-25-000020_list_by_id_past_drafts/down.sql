DROP INDEX posts_published_id;
CREATE INDEX posts_published_id ON posts (published, id);
