//! Other programs write posts with tags and authors by SQL. Triggers keep the labels right, and every request works.

use serde_json::{Value, json};

use super::resync::assert_labels_match;
use super::{labels, read};
use crate::support::database::{execute, try_execute};
use crate::support::{Api, Engine, Fixture, TestDatabase, ids, on_both, wait_until};

const TIME: &str = "2026-01-01T00:00:00.000000Z";

/// Inserts published posts with these tags and authors, given as JSON.
pub(super) fn insert(tags: &str, authors: &str) -> String {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (tags, authors) = (tags.replace('\'', "''"), authors.replace('\'', "''"));
    format!(
        "INSERT INTO posts (slug, title, content, published, published_at, tags, authors)
         VALUES ('sql-{number}', 'By SQL', 'Text', TRUE, '{TIME}', '{tags}', '{authors}')"
    )
}

/// The tags, read with a key, so that no cached response is returned.
pub(super) async fn tags(api: &Api) -> Vec<String> {
    read(&api.reader(), "/api/tags?limit=100").await
}

#[on_both]
async fn new_columns_may_be_left_out(api: Api) {
    let database = &api.server.database;
    database.execute(&format!(
        "INSERT INTO posts (slug, title, content, published, published_at) VALUES ('a', 'A', NULL, TRUE, '{TIME}')"
    ));
    let post = api.reader().get("/api/posts/by-slug/a").await.json(200);
    for (field, value) in [
        ("description", Value::Null),
        ("tags", json!([])),
        ("authors", json!([])),
        ("image", Value::Null),
        ("image_alt", Value::Null),
        ("metadata", json!({})),
    ] {
        assert_eq!(post[field], value, "{field}");
    }
    assert_eq!(tags(&api).await, [""; 0]);
    // An update of other columns keeps the new ones.
    api.editor().patch("/api/posts/1", &json!({"tags": ["Rust"], "metadata": {"a": 1}})).await.expect(200);
    database.execute("UPDATE posts SET title = 'B'");
    let post = api.reader().get("/api/posts/1").await.json(200);
    assert_eq!((&post["title"], &post["tags"], &post["metadata"]), (&json!("B"), &json!(["Rust"]), &json!({"a": 1})));
    assert_eq!(tags(&api).await, ["Rust 1"]);
    assert_labels_match(database);
}

#[on_both]
async fn every_kind_of_statement_keeps_the_labels_right(api: Api) {
    let database = &api.server.database;
    let mut conn = database.connect();
    let rows = |from: u8, to: u8| {
        let row = |n: u8| {
            format!("({n}, 'post-{n}', 'Post', {}, '{TIME}', '[\"Rust\", \"t{n}\"]', '[\"Ada\"]')", n.is_multiple_of(2))
        };
        let rows: Vec<String> = (from..=to).map(row).collect();
        format!(
            "INSERT INTO posts (id, slug, title, published, published_at, tags, authors) VALUES {}",
            rows.join(", ")
        )
    };
    for (statement, expected) in [
        (rows(1, 6).as_str(), &["Rust 3", "t2 1", "t4 1", "t6 1"][..]),
        (
            "UPDATE posts SET title = 'Other', published_at = '2026-03-01T00:00:00.000000Z'",
            &["Rust 3", "t2 1", "t4 1", "t6 1"],
        ),
        ("UPDATE posts SET published = NOT published", &["Rust 3", "t1 1", "t3 1", "t5 1"]),
        ("UPDATE posts SET id = id + 100 WHERE id <= 3", &["Rust 3", "t1 1", "t3 1", "t5 1"]),
        ("UPDATE posts SET tags = authors, authors = tags WHERE id > 100", &["Ada 2", "Rust 1", "t5 1"]),
        ("UPDATE posts SET tags = '[\"RUST\"]' WHERE id = 5", &["Ada 2", "RUST 1"]),
        (
            "UPDATE posts SET id = id + 1000, published = TRUE, tags = '[\"b\"]', title = 'C' WHERE id > 5",
            &["b 4", "RUST 1"],
        ),
        ("UPDATE posts SET tags = '[]', authors = '[]' WHERE id = 5", &[][..]),
        ("UPDATE posts SET tags = '[\"back\"]' WHERE id = 5", &[][..]),
        (
            "INSERT INTO posts (slug, title, published, published_at, tags) VALUES \
             ('post-5', 'D', TRUE, NULL, '[\"up\"]'), ('new', 'E', TRUE, NULL, '[\"up\"]') \
             ON CONFLICT (slug) DO UPDATE SET tags = excluded.tags",
            &[][..],
        ),
        (
            "INSERT INTO posts (slug, title, tags) VALUES ('new', 'F', '[\"no\"]') ON CONFLICT (slug) DO NOTHING",
            &[][..],
        ),
        ("DELETE FROM posts WHERE id % 2 = 0", &[][..]),
    ] {
        execute(&mut conn, statement);
        assert_labels_match(database);
        if !expected.is_empty() {
            assert_eq!(tags(&api).await, expected, "{statement}");
        }
    }
    execute(&mut conn, "DELETE FROM posts");
    assert_labels_match(database);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_labels"), 0);
}

#[on_both]
async fn rolled_back_writes_leave_no_labels(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    for statement in [
        "BEGIN",
        &insert(r#"["a"]"#, "[]"),
        "ROLLBACK",
        "BEGIN",
        &insert(r#"["b"]"#, "[]"),
        "SAVEPOINT s",
        &insert(r#"["c"]"#, "[]"),
        "UPDATE posts SET tags = '[\"d\"]'",
        "ROLLBACK TO SAVEPOINT s",
        "COMMIT",
    ] {
        execute(&mut conn, statement);
    }
    assert_labels_match(&database);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_labels WHERE label = 'b'"), 1);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM post_labels"), 1);
}

/// SQLite runs the triggers of deleted rows for `OR REPLACE` only with this setting. Without it the labels of the old
/// row stay, and requests work nevertheless.
#[tokio::test]
async fn insert_or_replace_needs_recursive_triggers() {
    let api = Api::on(Engine::Sqlite).unwrap();
    let database = &api.server.database;
    let mut conn = database.connect();
    let replace = |tag: &str| {
        format!(
            "INSERT OR REPLACE INTO posts (slug, title, published, published_at, tags)
             VALUES ('page', 'Page', TRUE, '{TIME}', '[\"{tag}\"]')"
        )
    };
    execute(&mut conn, "PRAGMA recursive_triggers = ON");
    for tag in ["a", "b", "c"] {
        execute(&mut conn, &replace(tag));
        assert_labels_match(database);
        assert_eq!(tags(&api).await, [format!("{tag} 1")]);
    }
    execute(&mut conn, "PRAGMA recursive_triggers = OFF");
    execute(&mut conn, &replace("d"));
    let reader = api.reader();
    for path in ["/api/tags?sort=-posts", "/api/posts", "/api/posts?view=summary&count=exact"] {
        reader.get(path).await.expect(200);
    }
    // The stale label says that the post is published.
    for (title, published) in [("Open", "TRUE"), ("Secret", "FALSE")] {
        let tags = if title == "Open" { r#"["s"]"# } else { "[]" };
        execute(
            &mut conn,
            &format!(
                "INSERT OR REPLACE INTO posts (id, slug, title, published, published_at, tags)
                 VALUES (900, 'secret', '{title}', {published}, '{TIME}', '{tags}')"
            ),
        );
    }
    for query in
        ["tag=s", "tag=s&updated_after=2000-01-01T00:00:00Z", "tag=s&q=secret", "tag=s&view=summary&sort=title"]
    {
        assert_eq!(api.get(&format!("/api/posts?{query}")).await.json(200)["items"], serde_json::json!([]), "{query}");
    }
}

#[tokio::test]
async fn copy_merge_and_truncate_keep_the_labels_right() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    let mut conn = database.connect();
    // Also in sessions of logical replication, and for clients without the schema in their search_path.
    for role in ["origin", "replica"] {
        execute(&mut conn, &format!("SET session_replication_role = {role}"));
        execute(&mut conn, "SET search_path TO ''");
        execute(
            &mut conn,
            r#"COPY public.posts (slug, title, published, tags)
               FROM PROGRAM 'printf "a|A|true|[\"x\"]\nb|B|true|[\"x\", \"y\"]\n"'
               WITH (FORMAT csv, DELIMITER '|', QUOTE '~')"#,
        );
        assert_eq!(tags(&api).await, ["x 2", "y 1"], "{role}");
        execute(
            &mut conn,
            r#"MERGE INTO public.posts USING (VALUES ('b', '["z"]'), ('c', '["z"]')) AS given (slug, tags)
               ON posts.slug = given.slug WHEN MATCHED THEN UPDATE SET tags = given.tags
               WHEN NOT MATCHED THEN INSERT (slug, title, published, tags) VALUES (given.slug, 'C', true, given.tags)"#,
        );
        assert_eq!(tags(&api).await, ["x 1", "z 2"], "{role}");
        assert_labels_match(database);
        execute(&mut conn, "WITH gone AS (DELETE FROM public.posts WHERE slug = 'c' RETURNING id) SELECT FROM gone");
        assert_eq!(tags(&api).await, ["x 1", "z 1"], "{role}");
        execute(&mut conn, "TRUNCATE public.posts");
        assert_eq!(tags(&api).await, [""; 0], "{role}");
        assert_labels_match(database);
    }
}

/// A role such as that of a website may have privileges on `posts` only.
#[tokio::test]
async fn privileges_on_posts_suffice_for_labels() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    let role = format!("{}_labels", database.name());
    for statement in [
        format!("CREATE ROLE {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON posts TO {role}"),
        format!("SET ROLE {role}"),
        insert(r#"["a", "b"]"#, r#"["c"]"#),
        "UPDATE posts SET tags = '[\"d\"]', published = false".into(),
        "UPDATE posts SET title = 'Other'".into(),
    ] {
        execute(&mut conn, &statement);
    }
    assert_labels_match(&database);
    assert!(try_execute(&mut conn, "DELETE FROM post_labels").is_err());
    for statement in [
        "DELETE FROM posts",
        "TRUNCATE posts",
        "RESET ROLE",
        &format!("DROP OWNED BY {role}"),
        &format!("DROP ROLE {role}"),
    ] {
        execute(&mut conn, statement);
    }
    assert_labels_match(&database);
}

/// Another program's change shows without a request to the service that would invalidate the cache.
#[on_both]
async fn change_by_sql_shows_in_cached_lists(api: Api) {
    api.create(json!({"title": "A", "tags": ["old"], "published": true})).await;
    assert_eq!(read(&api, "/api/tags").await, ["old 1"]);
    api.server.database.execute("UPDATE posts SET tags = '[\"new\"]'");
    wait_until("the new tag to show", async || read(&api, "/api/tags").await == ["new 1"]).await;
    api.server.database.execute("DELETE FROM posts");
    wait_until("the list to be empty", async || labels(&api.get("/api/tags").await.json(200)).is_empty()).await;
    assert!(ids(&api.get("/api/posts").await.json(200)).is_empty());
}
