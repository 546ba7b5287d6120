DROP TRIGGER posts_truncate_labels ON posts;
DROP FUNCTION posts_truncate_labels();
DROP TRIGGER posts_delete_labels ON posts;
DROP TRIGGER posts_update_labels ON posts;
DROP TRIGGER posts_insert_labels ON posts;
DROP FUNCTION posts_write_labels();
DROP FUNCTION posts_labels(text, text);
DROP TABLE post_labels;
DROP FUNCTION post_labels_skip_row();
