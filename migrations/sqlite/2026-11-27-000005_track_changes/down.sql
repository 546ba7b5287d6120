DROP TRIGGER posts_set_version;
