ALTER TRIGGER posts_count_truncate ON posts RENAME TO posts_notify_truncate;
ALTER TRIGGER posts_count_delete ON posts RENAME TO posts_notify_delete;
ALTER TRIGGER posts_count_update ON posts RENAME TO posts_notify_update;
ALTER TRIGGER posts_count_insert ON posts RENAME TO posts_notify_insert;
CREATE OR REPLACE FUNCTION posts_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('posts_changed', '');
    RETURN NULL;
END
$$;
ALTER FUNCTION posts_count_change() RENAME TO posts_notify_change;
DROP SEQUENCE posts_changes;
