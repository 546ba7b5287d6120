//! What psql, Prisma, and sqlite3 write is logged once, with the right version.

use super::{brief, expected, rows};
use crate::support::database::{execute, try_execute};
use crate::support::{Engine, TestDatabase, on_both};

const INSERT: &str = "INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE)";

#[on_both]
async fn external_writes_are_logged_once(database: TestDatabase) {
    database.migrate();
    for sql in [
        INSERT,
        "UPDATE posts SET title = 'B'",
        "UPDATE posts SET slug = 'b'",
        "UPDATE posts SET content = 'Text', excerpt = 'Text'",
        // Clears the excerpt, with the version raised and not.
        "UPDATE posts SET content = 'Other'",
        "UPDATE posts SET excerpt = 'Kept'",
        "UPDATE posts SET content = 'Third', version = version + 1",
        "UPDATE posts SET updated_at = '2099-01-01T00:00:00.000000Z'",
        "UPDATE posts SET version = 20",
        "UPDATE posts SET published = FALSE, slug = 'hidden'",
        "UPDATE posts SET title = 'Draft'",
        "UPDATE posts SET published = TRUE, published_at = '2026-01-01T00:00:00.000000Z'",
        "DELETE FROM posts",
    ] {
        database.execute(sql);
    }
    assert_eq!(
        brief(&database),
        expected(&[
            (1, 1, 1, "a", None),
            (1, 2, 2, "a", None),
            (1, 2, 3, "b", Some("a")),
            (1, 2, 4, "b", None),
            (1, 2, 5, "b", None),
            (1, 2, 6, "b", None),
            (1, 2, 7, "b", None),
            (1, 2, 8, "b", None),
            (1, 2, 20, "b", None),
            (1, 3, 21, "b", None),
            (1, 1, 23, "hidden", None),
            (1, 4, 23, "hidden", None),
        ])
    );
}

/// The log has the version that the post has after the statement, also at the largest one.
#[on_both]
async fn logged_versions_are_those_of_the_post(database: TestDatabase) {
    const LARGEST: i64 = 9_007_199_254_740_991;
    database.migrate();
    database.execute(INSERT);
    for sql in [
        "UPDATE posts SET title = 'B', version = 7", "UPDATE posts SET title = 'C', version = 5",
        "UPDATE posts SET title = 'D', version = 9007199254740991", "UPDATE posts SET title = 'E'",
        "UPDATE posts SET published = FALSE", "UPDATE posts SET published = TRUE",
    ] {
        database.execute(sql);
        let version = database.query_number("SELECT version AS number FROM posts");
        assert_eq!(rows(&database).last().unwrap().version, version, "{sql}");
    }
    assert_eq!(rows(&database).len(), 7);
    assert_eq!(rows(&database).last().unwrap().version, LARGEST);
}

/// Statements that change many rows, upserts, and rolled back transactions.
#[on_both]
async fn every_row_of_a_statement_is_logged(database: TestDatabase) {
    database.migrate();
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE), (2, 'b', 'B', FALSE)");
    database.execute(
        "INSERT INTO posts (slug, title) VALUES ('a', 'Again'), ('b', 'Again')
         ON CONFLICT (slug) DO UPDATE SET title = excluded.title",
    );
    database.execute("UPDATE posts SET published = TRUE WHERE id IN (SELECT id FROM posts)");
    let mut conn = database.connect();
    execute(&mut conn, "BEGIN");
    execute(&mut conn, "DELETE FROM posts");
    execute(&mut conn, "ROLLBACK");
    let seen: Vec<(i64, i16)> = rows(&database).into_iter().map(|row| (row.post_id, row.kind)).collect();
    // On SQLite, an UPDATE that changes nothing raises the version.
    let unchanged = (database.engine == Engine::Sqlite).then_some((1, 2));
    let mut expected: Vec<(i64, i16)> = [(1, 1), (1, 2)].into_iter().chain(unchanged).chain([(2, 1)]).collect();
    let mut sorted = seen;
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

/// The old id is gone for followers, and the new one is a new post.
#[on_both]
async fn a_changed_id_removes_one_post_and_adds_another(database: TestDatabase) {
    database.migrate();
    database.execute(INSERT);
    database.execute("UPDATE posts SET id = 9");
    database.execute("UPDATE posts SET id = 10, published = FALSE");
    assert_eq!(
        brief(&database),
        expected(&[(1, 1, 1, "a", None), (1, 4, 1, "a", None), (9, 1, 2, "a", None), (9, 4, 2, "a", None)])
    );
}

/// SQLite's conflict clauses apply to the statements of triggers too.
#[test]
fn conflict_clauses_of_sqlite_do_not_lose_rows() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    database.execute("INSERT OR IGNORE INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE)");
    for clause in ["ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"] {
        database.execute(&format!("UPDATE OR {clause} posts SET title = '{clause}'"));
    }
    assert_eq!(rows(&database).iter().map(|row| row.version).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let mut conn = database.connect();
    execute(&mut conn, "PRAGMA recursive_triggers = ON");
    execute(&mut conn, "UPDATE posts SET title = 'Recursive', content = 'Text'");
    assert_eq!(rows(&database).len(), 7);
    execute(&mut conn, "INSERT OR REPLACE INTO posts (id, slug, title) VALUES (1, 'a', 'Draft')");
    assert_eq!(rows(&database).last().map(|row| (row.kind, row.version)), Some((4, 7)));
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_version_updates"), 0);
}

/// `pg_restore --disable-triggers` ends with this statement, which undoes `ENABLE REPLICA`.
#[test]
fn expired_rows_can_be_deleted_after_a_restore() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    database.execute("INSERT INTO posts (title, published) VALUES ('A', TRUE)");
    database.execute("ALTER TABLE post_changes ENABLE TRIGGER ALL");
    database.execute("DELETE FROM post_changes");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_changes"), 0);
}

/// A program that may write to `posts` needs no other privilege, and cannot use the triggers to reach other tables.
#[test]
fn role_with_privileges_on_posts_can_write() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let role = format!("{}_changes", database.name());
    let mut conn = database.connect();
    execute(&mut conn, &format!("CREATE ROLE {role}"));
    execute(&mut conn, &format!("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON posts TO {role}"));
    execute(&mut conn, &format!("CREATE SCHEMA hostile AUTHORIZATION {role}"));
    execute(&mut conn, &format!("SET ROLE {role}"));
    execute(
        &mut conn,
        "CREATE FUNCTION hostile.differ(text, text) RETURNS boolean LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'called'; END $$",
    );
    execute(&mut conn, "CREATE OPERATOR hostile.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.differ)");
    // A function that looked up its tables and operators in the search_path would use these, with the owner's
    // privileges.
    let columns = "seq bigint, post_id bigint, kind smallint, version bigint, slug text, old_slug text";
    execute(&mut conn, &format!("CREATE TEMP TABLE post_changes ({columns})"));
    execute(&mut conn, "SET search_path TO hostile, pg_temp, pg_catalog, public");
    execute(&mut conn, INSERT);
    execute(&mut conn, "UPDATE posts SET slug = 'b' WHERE id = 1");
    execute(&mut conn, "DELETE FROM posts");
    assert_eq!(rows(&database).len(), 3);
    assert!(try_execute(&mut conn, "SELECT * FROM public.post_changes").is_err());
    assert!(try_execute(&mut conn, "DELETE FROM public.post_changes").is_err());
    execute(&mut conn, "RESET ROLE");
    execute(&mut conn, &format!("DROP OWNED BY {role}"));
    execute(&mut conn, &format!("DROP ROLE {role}"));
}

/// A restored dump has an empty search path.
#[test]
fn log_works_without_the_schema_in_search_path() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, "SET search_path TO ''");
    execute(&mut conn, "INSERT INTO public.posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE)");
    execute(&mut conn, "UPDATE public.posts SET slug = 'b'");
    execute(&mut conn, "DELETE FROM public.posts");
    assert_eq!(brief(&database), expected(&[(1, 1, 1, "a", None), (1, 2, 2, "b", Some("a")), (1, 4, 2, "b", None)]));
    execute(&mut conn, "TRUNCATE public.posts");
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_changes"), 1);
}

/// Logical replication also copies the rows that the triggers of the subscriber have inserted already.
#[test]
fn replicated_rows_are_logged_once() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, "SET session_replication_role = replica");
    execute(&mut conn, INSERT);
    execute(&mut conn, "INSERT INTO post_changes (seq, post_id, kind, version, slug) VALUES (99, 1, 1, 1, 'a')");
    execute(&mut conn, "UPDATE posts SET slug = 'b'");
    execute(&mut conn, "DELETE FROM post_changes");
    assert_eq!(brief(&database), expected(&[(1, 1, 1, "a", None), (1, 2, 2, "b", Some("a"))]));
}
