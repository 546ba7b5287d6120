//! External writers insert into and update `posts` on PostgreSQL. Triggers fill in what they omit, as the service would.

use std::sync::Arc;

use serde_json::json;

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, TestDatabase, ids, wait_until};

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
