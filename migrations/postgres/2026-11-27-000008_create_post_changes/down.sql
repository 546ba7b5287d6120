DROP TRIGGER posts_log_truncate ON posts;
DROP TRIGGER posts_log_delete ON posts;
DROP TRIGGER posts_log_update ON posts;
DROP TRIGGER posts_log_insert ON posts;
DROP FUNCTION posts_log_truncate();
DROP FUNCTION posts_log_delete();
DROP FUNCTION posts_log_update();
DROP FUNCTION posts_log_insert();
DROP TABLE post_changes;
DROP FUNCTION post_changes_skip_row();
CREATE TRIGGER posts_count_insert AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_update AFTER UPDATE ON posts FOR EACH ROW
    WHEN (OLD.published OR NEW.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_delete AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.published) EXECUTE FUNCTION posts_count_change();
CREATE TRIGGER posts_count_truncate AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_count_change();
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_count_insert;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_count_update;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_count_delete;
ALTER TABLE posts ENABLE ALWAYS TRIGGER posts_count_truncate;
