-- An UPDATE computes a generated column anew only where it names what the column is made of, but where a table has a
-- BEFORE UPDATE trigger, always: publishing a post then took the words of its content apart. A trigger computes the words
-- of those changes alone that name title or content; one that names `search` gets what belongs there.
ALTER TABLE posts ALTER COLUMN search DROP EXPRESSION;
CREATE FUNCTION posts_set_search() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.search := posts_vector(NEW.title, NEW.content);
    RETURN NEW;
END
$$;
CREATE TRIGGER posts_search_insert BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION posts_set_search();
CREATE TRIGGER posts_search_update BEFORE UPDATE OF title, content, search ON posts FOR EACH ROW
    EXECUTE FUNCTION posts_set_search();
