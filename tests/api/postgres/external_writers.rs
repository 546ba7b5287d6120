//! External writers insert into and update `posts` on PostgreSQL. Triggers fill in what they omit, as the service
//! would.

use std::sync::Arc;

use serde_json::json;

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, ids, wait_for, wait_until};

#[tokio::test]
async fn columns_missing_in_an_insert_are_filled_in() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let database = &api.server.database;
    database
        .execute("INSERT INTO posts (title, content, published) VALUES ('Große Äpfel, déjà vu', '# Hi *there*', true)");
    wait_until("the post to show", async || api.get("/api/posts/1").await.status == 200).await;
    let post = api.get("/api/posts/1").await.json(200);
    assert_eq!(post["slug"], "grosse-apfel-deja-vu");
    assert_eq!(post["version"], 1);
    assert_eq!((&post["published_at"], &post["updated_at"]), (&post["created_at"], &post["created_at"]));
    assert_eq!(ids(&api.get("/api/posts?q=deja+there&sort=-published_at").await.json(200)), [1]);

    database.execute("INSERT INTO posts (title) VALUES ('Draft')");
    let editor = api.editor();
    editor.post("/api/posts/2/publish", &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
    let draft = editor.get("/api/posts/2").await.json(200);
    assert_eq!((&draft["published"], &draft["published_at"]), (&json!(false), &json!(null)));
    database.execute("UPDATE posts SET published = true WHERE id = 2");
    let published = editor.get("/api/posts/2").await.json(200);
    assert_eq!((&published["scheduled_for"], &published["version"]), (&json!(null), &json!(3)));
    assert!(published["published_at"].as_str() >= draft["created_at"].as_str());
}

/// A role that may execute such a function can run it with the privileges of its owner, by a trigger on a table of its
/// own.
#[tokio::test]
async fn only_the_owner_can_use_functions_with_its_privileges() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let functions = "SELECT count(*) AS number FROM pg_proc
        WHERE prosecdef AND pronamespace = current_schema()::regnamespace";
    assert!(database.query_number(functions) >= 12);
    let public = format!("{functions} AND has_function_privilege('public', oid, 'EXECUTE')");
    assert_eq!(database.query_number(&public), 0);
}

#[tokio::test]
async fn generated_slugs_are_unique_and_within_the_limit() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    api.create(json!({"title": "Again"})).await;
    api.server.database.execute("INSERT INTO posts (title) SELECT 'again!' FROM generate_series(1, 40)");
    api.create(json!({"title": "Again"})).await;
    let numbered = "SELECT count(*) AS number FROM posts
        WHERE slug IN (SELECT 'again-' || n FROM generate_series(2, 42) n UNION SELECT 'again')";
    assert_eq!(api.server.database.query_number(numbered), 42);

    let long = "repeat('word ', 60)";
    api.server
        .database
        .execute(&format!("INSERT INTO posts (title) VALUES ({long}), ({long}), (repeat('x', 250)), ('北京')"));
    let invalid = "SELECT count(*) AS number FROM posts WHERE slug !~ '^[a-z0-9]+(-[a-z0-9]+)*$' OR length(slug) > 200";
    assert_eq!(api.server.database.query_number(invalid), 0);
    let truncated =
        "SELECT count(*) AS number FROM posts WHERE slug LIKE '%word' OR slug LIKE '%word-2' OR slug = 'post'";
    assert_eq!(api.server.database.query_number(truncated), 3);
}

#[tokio::test]
async fn concurrent_inserts_of_one_title_all_succeed() {
    let Some(database) = TestDatabase::create(Engine::Postgres).map(Arc::new) else { return };
    database.migrate();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let database = Arc::clone(&database);
            tokio::task::spawn_blocking(move || {
                let mut conn = database.connect();
                for _ in 0..10 {
                    execute(&mut conn, "INSERT INTO posts (title) VALUES ('Same')");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(database.query_number("SELECT count(DISTINCT slug) AS number FROM posts WHERE slug LIKE 'same%'"), 80);
}

/// A restored dump has an empty search path, and Prisma's parameter `schema` sets another one.
#[tokio::test]
async fn writes_work_without_the_schema_in_search_path() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let mut conn = api.server.database.connect();
    execute(&mut conn, "SET search_path TO ''");
    execute(&mut conn, "INSERT INTO public.posts (title, published) VALUES ('Élan', true)");
    execute(&mut conn, "UPDATE public.posts SET content = 'vital' WHERE id = 1");
    let is_found = async || ids(&api.get("/api/posts?q=elan+vital").await.json(200)) == [1];
    wait_until("the search to find the post", is_found).await;
    api.editor().delete("/api/posts/1").await.expect(204);
}

/// Logical replication and tools that copy data set this, so that ordinary triggers and foreign keys do not fire.
const REPLICA_ROLE: &str = "SET session_replication_role = replica";

#[tokio::test]
async fn every_trigger_fires_in_replication_sessions() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    let others = "SELECT count(*) AS number FROM pg_trigger
        WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal AND tgenabled <> 'A'";
    assert_eq!(api.server.database.query_number(others), 0);

    let mut conn = api.server.database.connect();
    execute(&mut conn, REPLICA_ROLE);
    execute(&mut conn, "INSERT INTO posts (title, published) VALUES ('Copied post', true)");
    execute(&mut conn, "UPDATE posts SET content = 'words' WHERE id = 1");
    let post =
        wait_for("the post to show", async || Some(api.get("/api/posts/1").await).filter(|reply| reply.status == 200))
            .await
            .json(200);
    assert_eq!((&post["slug"], &post["version"]), (&json!("copied-post"), &json!(2)));
    assert!(post["published_at"].is_string());
    let is_found = async || ids(&api.get("/api/posts?q=words").await.json(200)) == [1];
    wait_until("the search to find the post", is_found).await;
}

/// The revision of the published posts advances with every kind of statement that changes them.
#[tokio::test]
async fn every_kind_of_change_advances_the_revision() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    let revision = || database.query_number("SELECT last_value AS number FROM posts_changes");
    let insert = "INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', true)";
    for role in ["SET session_replication_role = origin", REPLICA_ROLE] {
        execute(&mut conn, role);
        for statement in [
            insert,
            "UPDATE posts SET title = 'B'",
            "UPDATE posts SET published = false",
            "UPDATE posts SET published = true",
            "MERGE INTO posts USING (SELECT 'a' AS slug) AS given ON posts.slug = given.slug
                WHEN MATCHED THEN UPDATE SET title = 'C'",
            "INSERT INTO posts (slug, title) VALUES ('a', 'D') ON CONFLICT (slug) DO UPDATE SET title = excluded.title",
            "WITH removed AS (DELETE FROM posts RETURNING id) SELECT count(*) FROM removed",
            "COPY posts (slug, title, published) FROM PROGRAM 'echo copied,E,true' WITH (FORMAT csv)",
            "DELETE FROM posts",
            insert,
            "TRUNCATE posts",
        ] {
            let before = revision();
            execute(&mut conn, statement);
            assert!(revision() > before, "{role}: {statement}");
        }
        for statement in ["INSERT INTO posts (slug, title) VALUES ('draft', 'Draft')", "DELETE FROM posts"] {
            let before = revision();
            execute(&mut conn, statement);
            assert_eq!(revision(), before, "{role}: {statement}");
        }
    }
}

/// A superuser can disable triggers. Then responses expire by the number of polls.
#[tokio::test]
async fn change_without_triggers_shows_after_a_maximum_age() {
    let Some(api) = Api::on(Engine::Postgres) else { return };
    api.create(json!({"title": "Before", "published": true})).await;
    let title = async || api.get("/api/posts/1").await.json(200)["title"].clone();
    wait_until("the cache to serve", async || {
        let before = api.server.cache.reads();
        title().await;
        api.server.cache.reads() == before
    })
    .await;
    api.server.database.execute(
        "DO $$ BEGIN ALTER TABLE posts DISABLE TRIGGER ALL; UPDATE posts SET title = 'After';
         ALTER TABLE posts ENABLE TRIGGER ALL; END $$",
    );
    wait_until("the change to show", async || title().await == "After").await;
}
