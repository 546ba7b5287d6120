DROP TRIGGER posts_notify_truncate ON posts;
DROP TRIGGER posts_notify_delete ON posts;
DROP TRIGGER posts_notify_update ON posts;
DROP TRIGGER posts_notify_insert ON posts;
DROP FUNCTION posts_notify_change();
DROP TRIGGER posts_move_version ON posts;
DROP FUNCTION posts_move_version();
