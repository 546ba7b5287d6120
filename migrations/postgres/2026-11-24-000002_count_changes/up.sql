-- Every instance has to learn of every change to what is published. A NOTIFY tells it, but PostgreSQL commits
-- transactions that notify one after the other, each with its own flush. A sequence is moved without waiting for anybody;
-- instances look at it often, and at the transactions that were still running when it moved.
CREATE SEQUENCE posts_changes;
-- A new sequence shows the same value before and after its first use.
SELECT setval('posts_changes', 1);
-- Whoever may write posts moves it with them.
GRANT USAGE, SELECT ON SEQUENCE posts_changes TO PUBLIC;

ALTER FUNCTION posts_notify_change() RENAME TO posts_count_change;
-- The schema is named because a program may write posts without having it in its search path.
CREATE OR REPLACE FUNCTION posts_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval(format('%I.posts_changes', TG_TABLE_SCHEMA)::regclass);
    RETURN NULL;
END
$$;
ALTER TRIGGER posts_notify_insert ON posts RENAME TO posts_count_insert;
ALTER TRIGGER posts_notify_update ON posts RENAME TO posts_count_update;
ALTER TRIGGER posts_notify_delete ON posts RENAME TO posts_count_delete;
ALTER TRIGGER posts_notify_truncate ON posts RENAME TO posts_count_truncate;
