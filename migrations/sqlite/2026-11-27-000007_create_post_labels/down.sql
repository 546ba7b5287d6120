DROP TRIGGER post_labels_sort_drafts;
DROP TRIGGER posts_move_labels;
DROP TRIGGER posts_replace_labels;
DROP TRIGGER posts_delete_labels;
DROP TRIGGER posts_insert_labels;
DROP TABLE post_labels;
