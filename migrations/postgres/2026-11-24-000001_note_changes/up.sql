-- Whoever changes a post without moving its version has it moved, so that tags made of versions hold. The service moves
-- the version itself, and for it the first comparison ends the matter.
CREATE FUNCTION posts_move_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
-- Triggers fire in the order of their names: posts_drop_excerpt before this one.
CREATE TRIGGER posts_move_version BEFORE UPDATE ON posts FOR EACH ROW
    WHEN (NEW.version <= OLD.version AND (
        NEW.id, NEW.slug, NEW.title, NEW.content, NEW.excerpt, NEW.published,
        NEW.published_at, NEW.scheduled_for, NEW.created_at, NEW.updated_at, NEW.version
    ) IS DISTINCT FROM (
        OLD.id, OLD.slug, OLD.title, OLD.content, OLD.excerpt, OLD.published,
        OLD.published_at, OLD.scheduled_for, OLD.created_at, OLD.updated_at, OLD.version
    ))
    EXECUTE FUNCTION posts_move_version();

-- Every instance listens, and drops what it has cached. A transaction sends the same notification once, however many
-- rows it changes. Drafts are nobody's news: their writes call no function.
CREATE FUNCTION posts_notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('posts_changed', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER posts_notify_insert AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.published) EXECUTE FUNCTION posts_notify_change();
CREATE TRIGGER posts_notify_update AFTER UPDATE ON posts FOR EACH ROW
    WHEN (OLD.published OR NEW.published) EXECUTE FUNCTION posts_notify_change();
CREATE TRIGGER posts_notify_delete AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.published) EXECUTE FUNCTION posts_notify_change();
CREATE TRIGGER posts_notify_truncate AFTER TRUNCATE ON posts FOR EACH STATEMENT
    EXECUTE FUNCTION posts_notify_change();
