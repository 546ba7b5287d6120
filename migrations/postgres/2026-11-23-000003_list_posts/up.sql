-- An excerpt is null where it was never computed; it is then made from the beginning of the content when it is read.
-- A sort needs a value for every row: published_key stands for published_at, and posts without one come first.
ALTER TABLE posts
    ADD COLUMN excerpt text,
    ADD COLUMN published_key timestamptz NOT NULL
        GENERATED ALWAYS AS (coalesce(published_at, timestamptz '0001-01-01 00:00:00+00')) STORED;

-- One index a sort, with the id to break ties. "published" comes first, so that drafts cost readers nothing.
CREATE INDEX posts_published_published_key ON posts (published, published_key, id);
CREATE INDEX posts_published_updated_at ON posts (published, updated_at, id);
CREATE INDEX posts_published_title ON posts (published, title, id);
CREATE INDEX posts_scheduled_for ON posts (scheduled_for) WHERE scheduled_for IS NOT NULL;

-- Whoever changes a content without its excerpt leaves none, rather than a wrong one.
CREATE FUNCTION posts_drop_excerpt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.excerpt := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_drop_excerpt BEFORE UPDATE ON posts FOR EACH ROW
    WHEN (NEW.content IS DISTINCT FROM OLD.content AND NEW.excerpt IS NOT DISTINCT FROM OLD.excerpt)
    EXECUTE FUNCTION posts_drop_excerpt();
