//! `import --resumable`: each batch is committed, and a second run finds the posts that are already stored.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both, wait_until, without_defaults};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

/// Posts as an export contains them.
fn posts(count: usize) -> Vec<Value> {
    let time = |id: usize| format!("2026-01-31T12:00:{:02}.{:06}Z", id % 60, id);
    let post = |id: usize| {
        json!({
            "id": id, "slug": format!("post-{id}"), "title": format!("Post {id}"), "content": "text ".repeat(id % 50),
            "published": id.is_multiple_of(2), "published_at": id.is_multiple_of(2).then(|| time(id)),
            "scheduled_for": (id.is_multiple_of(3) && !id.is_multiple_of(2)).then_some("2999-01-01T00:00:00.000000Z"),
            "created_at": time(id), "updated_at": time(id), "version": id % 7 + 1,
        })
    };
    (1..=count).map(post).map(without_defaults).collect()
}

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

fn exported(sandbox: &Sandbox) -> Vec<Value> {
    sandbox
        .run(&["export"])
        .success()
        .lines()
        .map(|line| without_defaults(serde_json::from_str(line).unwrap()))
        .collect()
}

fn count_posts(database: &TestDatabase) -> i64 {
    database.query_number("SELECT count(*) AS number FROM posts")
}

/// Imports a file that has no invalid lines, and returns standard output.
fn import(sandbox: &Sandbox, text: &str) -> String {
    sandbox.run_with_input(&["import", "--resumable", "-"], text).success()
}

#[on_both]
async fn killed_import_resumes_where_it_stopped(database: TestDatabase) {
    database.migrate();
    let sandbox = sandbox(&database);
    let posts = posts(2300);
    let (mut import, mut input) = sandbox.start_with_input("import", &["import", "--resumable", "-"]);
    input.write_all(lines(&posts[..1300]).as_bytes()).unwrap();
    wait_until("two batches to be stored", async || count_posts(&database) >= 1000).await;
    import.kill();
    assert_eq!(count_posts(&database), 1000, "only whole batches are stored");
    sandbox.write("posts.ndjson", &lines(&posts));
    assert_eq!(
        sandbox.run(&["import", "--resumable", "posts.ndjson"]).success(),
        "imported 1300 posts, 1000 already stored, skipped 0 lines\n"
    );
    assert!(exported(&sandbox) == posts, "the export differs");
    assert_eq!(
        sandbox.run(&["import", "--resumable", "posts.ndjson"]).success(),
        "imported 0 posts, 2300 already stored, skipped 0 lines\n"
    );
    assert!(exported(&sandbox) == posts, "the export differs");
}

#[on_both]
async fn killed_default_import_stores_nothing(database: TestDatabase) {
    database.migrate();
    let sandbox = sandbox(&database);
    let (mut import, mut input) = sandbox.start_with_input("import", &["import", "-"]);
    input.write_all(lines(&posts(1300)).as_bytes()).unwrap();
    wait_until("the import to report its progress", async || {
        input.write_all(b"{\"title\": \"More\"}\n").unwrap();
        !import.stderr().is_empty()
    })
    .await;
    import.kill();
    // PostgreSQL rolls back when it notices that the process is gone.
    wait_until("the posts to be rolled back", async || count_posts(&database) == 0).await;
}

/// Without its lock on PostgreSQL, another client could create a post with a slug of the file, and the whole import
/// would fail.
#[on_both]
async fn slugs_of_a_started_import_are_reserved(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    let editor = api.editor();
    let sandbox = sandbox(&database);
    let (mut import, mut input) = sandbox.start_with_input("import", &["import", "-"]);
    input.write_all(lines(&posts(700)).as_bytes()).unwrap();
    let post = json!({"title": "Late", "slug": "late"});
    wait_until("the import to block other writes", async || {
        editor.post("/api/posts", &json!({"title": "Meanwhile"})).await.status == 503
    })
    .await;
    writeln!(input, "{post}").unwrap();
    drop(input);
    assert!(import.wait_for_exit().await.success(), "{}", import.stderr());
    editor.post("/api/posts", &post).await.expect(409);
}

/// The import holds no lock between two batches.
#[on_both]
async fn service_writes_during_an_import(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    let sandbox = sandbox(&database);
    let (mut import, mut input) = sandbox.start_with_input("import", &["import", "--resumable", "-"]);
    input.write_all(lines(&posts(700)).as_bytes()).unwrap();
    wait_until("a batch to be stored", async || count_posts(&database) >= 500).await;
    let created = api.create(json!({"title": "Meanwhile"})).await;
    assert!(created["id"].as_i64().unwrap() > 500);
    drop(input);
    assert!(
        import.wait_for_exit().await.success() || import.stderr().contains("is already in use"),
        "{}",
        import.stderr()
    );
}

#[on_both]
async fn posts_are_matched_by_id_slug_or_creation_time(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = lines(&[
        json!({"title": "By id", "id": 10}),
        json!({"title": "By slug", "slug": "by-slug", "published": true}),
        json!({"title": "By time", "created_at": "2026-01-31T12:00:00Z"}),
        json!({"title": "By time", "published": true, "published_at": "2026-01-31T12:00:00Z"}),
    ]);
    assert_eq!(import(&sandbox, &text), "imported 4 posts, 0 already stored, skipped 0 lines\n");
    let before = exported(&sandbox);
    assert_eq!(import(&sandbox, &text), "imported 0 posts, 4 already stored, skipped 0 lines\n");
    assert_eq!(exported(&sandbox), before);
    let outcome = sandbox.run_with_input(&["import", "--resumable", "-"], "{\"title\": \"By nothing\"}\n");
    assert!(outcome.stderr.starts_with("line 1: has no id, slug, or created_at"), "{}", outcome.stderr);
    assert!(!outcome.status.success());
    assert_eq!(exported(&sandbox), before);
}

#[on_both]
async fn posts_that_differ_from_the_file_stay_and_are_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let posts_in_file = posts(8);
    import(&sandbox, &lines(&posts_in_file));
    let before = exported(&sandbox);
    for (field, value) in [
        ("title", json!("Other")),
        ("content", json!("other")),
        ("published", json!(true)),
        ("version", json!(99)),
        ("updated_at", json!("2020-01-01T00:00:00Z")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("scheduled_for", json!("2998-01-01T00:00:00Z")),
        ("slug", json!("other")),
    ] {
        let mut changed = posts_in_file.clone();
        changed[2][field] = value;
        let outcome = sandbox.run_with_input(&["import", "--resumable", "-"], &lines(&changed));
        assert!(!outcome.status.success(), "{field}");
        let first = outcome.stderr.lines().next().unwrap();
        assert!(
            first == "line 3: /slug: post-3 is already in use" || first == "line 3: /id: 3 is already in use",
            "{field}: {first}"
        );
        let output =
            sandbox.run_with_input(&["import", "--resumable", "--skip-invalid", "-"], &lines(&changed)).success();
        assert_eq!(output, "imported 0 posts, 7 already stored, skipped 1 lines\n");
        assert_eq!(exported(&sandbox), before);
    }
}

#[on_both]
async fn invalid_line_stops_it_and_earlier_batches_stay(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut posts_in_file = posts(1200);
    posts_in_file[700]["title"] = json!("");
    let outcome = sandbox.run_with_input(&["import", "--resumable", "-"], &lines(&posts_in_file));
    assert!(!outcome.status.success());
    assert!(outcome.stderr.starts_with("line 701: /title: must not be empty\n"), "{}", outcome.stderr);
    let last = outcome.stderr.lines().last().unwrap();
    assert!(last.contains("rolled back the last batch and kept the 500 posts before it"), "{last}");
    assert_eq!(count_posts(&database), 500);
    posts_in_file[700]["title"] = json!("Fixed");
    assert_eq!(import(&sandbox, &lines(&posts_in_file)), "imported 700 posts, 500 already stored, skipped 0 lines\n");
    assert!(exported(&sandbox) == posts_in_file, "the export differs");
}

#[on_both]
async fn keys_are_matched_when_resuming(database: TestDatabase) {
    let sandbox = sandbox(&database);
    sandbox.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let export = sandbox.run(&["export", "--keys"]).success();
    let output = sandbox.run_with_input(&["import", "--keys", "--resumable", "-"], &export).success();
    assert_eq!(output, "imported 0 posts and 0 API keys, 1 already stored, skipped 0 lines\n");
}
