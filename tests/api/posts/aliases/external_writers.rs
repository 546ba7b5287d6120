//! Renames by other programs.

use super::assert_stored;
use crate::support::database::{execute, try_execute};
use crate::support::{Engine, TestDatabase};

/// A PostgreSQL database with a public post, of which `a` is an alias.
fn with_alias() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE)");
    database.execute("UPDATE posts SET slug = 'b'");
    assert_stored(&database, &[("a", 1)]);
    Some(database)
}

/// A restored dump has an empty search path.
#[test]
fn aliases_work_without_the_schema_in_search_path() {
    let Some(database) = with_alias() else { return };
    let mut conn = database.connect();
    execute(&mut conn, "SET search_path TO ''");
    execute(&mut conn, "UPDATE public.posts SET slug = 'c'");
    execute(&mut conn, "INSERT INTO public.posts (id, slug, title, published) VALUES (2, 'a', 'New', TRUE)");
    execute(&mut conn, "INSERT INTO public.post_aliases (slug, post_id) VALUES ('z', 2)");
    assert_stored(&database, &[("b", 1), ("z", 2)]);
    execute(&mut conn, "DELETE FROM public.posts WHERE id = 1");
    assert_stored(&database, &[("z", 2)]);
}

/// Logical replication also copies the rows that the triggers of the subscriber have inserted already.
#[test]
fn replicated_rows_do_not_conflict_with_triggers() {
    let Some(database) = with_alias() else { return };
    let others = "SELECT count(*) AS number FROM pg_trigger
        WHERE tgrelid IN ('posts'::regclass, 'post_aliases'::regclass) AND NOT tgisinternal AND tgenabled <> 'A'";
    assert_eq!(database.query_number(others), 0);
    let mut conn = database.connect();
    execute(&mut conn, "SET session_replication_role = replica");
    execute(&mut conn, "UPDATE posts SET slug = 'c' WHERE id = 1");
    execute(&mut conn, "INSERT INTO post_aliases (slug, post_id, published) VALUES ('b', 1, TRUE)");
    assert_stored(&database, &[("a", 1), ("b", 1)]);
    execute(&mut conn, "DELETE FROM posts WHERE id = 1");
    execute(&mut conn, "DELETE FROM post_aliases WHERE slug = 'b'");
    assert_stored(&database, &[]);
}

/// A program that may write to `posts` needs no other privilege, and cannot use the triggers to reach other tables.
#[test]
fn role_with_privileges_on_posts_can_rename() {
    let Some(database) = with_alias() else { return };
    let role = format!("{}_aliases", database.name());
    let mut conn = database.connect();
    execute(&mut conn, &format!("CREATE ROLE {role}"));
    execute(&mut conn, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON posts TO {role}"));
    execute(&mut conn, &format!("SET ROLE {role}"));
    // A temporary table precedes the tables of the schema, unless the search path of the functions ends with pg_temp.
    execute(&mut conn, "CREATE TEMP TABLE post_aliases (slug text, post_id bigint, published boolean)");
    execute(&mut conn, "UPDATE posts SET slug = 'c' WHERE id = 1");
    execute(&mut conn, "INSERT INTO posts (id, slug, title, published) VALUES (2, 'a', 'New', TRUE)");
    assert_stored(&database, &[("b", 1)]);
    assert!(try_execute(&mut conn, "SELECT * FROM public.post_aliases").is_err());
    execute(&mut conn, "DELETE FROM posts");
    assert_stored(&database, &[]);
    execute(&mut conn, "RESET ROLE");
    execute(&mut conn, &format!("DROP OWNED BY {role}"));
    execute(&mut conn, &format!("DROP ROLE {role}"));
}

/// The revision of the published posts covers their aliases.
#[test]
fn direct_changes_of_public_aliases_advance_the_revision() {
    let Some(database) = with_alias() else { return };
    database.execute("INSERT INTO posts (id, slug, title) VALUES (2, 'draft', 'D')");
    let revision = || database.query_number("SELECT last_value AS number FROM posts_changes");
    for (statement, is_public) in [
        ("INSERT INTO post_aliases (slug, post_id) VALUES ('x', 1)", true),
        ("UPDATE post_aliases SET slug = 'y' WHERE slug = 'x'", true),
        ("DELETE FROM post_aliases WHERE slug = 'y'", true),
        ("INSERT INTO post_aliases (slug, post_id) VALUES ('x', 2)", false),
        ("UPDATE posts SET slug = 'hidden' WHERE id = 2", false),
        ("UPDATE posts SET slug = 'a' WHERE id = 2", false),
        ("DELETE FROM post_aliases WHERE slug = 'x'", false),
        ("DELETE FROM posts WHERE id = 2", false),
        ("TRUNCATE post_aliases", true),
    ] {
        let before = revision();
        database.execute(statement);
        assert_eq!(revision() > before, is_public, "{statement}");
    }
}
