DROP TRIGGER posts_delete_aliases;
DROP TRIGGER posts_update_aliases;
DROP TRIGGER posts_remove_alias;
DROP TABLE post_aliases;
