-- The list by id asks for nulls at the other end than the primary key has them. There are none; but so the planner
-- cannot walk through the primary key, past all drafts that are newer than the newest published posts, which it would
-- prefer at a million posts because rows lie in that order.
DROP INDEX posts_published_id;
CREATE INDEX posts_published_id ON posts (published, id NULLS FIRST);
