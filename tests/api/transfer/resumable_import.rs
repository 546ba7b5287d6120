//! `import --resumable`: what was stored before an interruption stays, and is found when it is run again.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, TestDatabase, on_both, wait_for};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

/// Posts as an export has them.
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
    (1..=count).map(post).collect()
}

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

fn exported(place: &Sandbox) -> Vec<Value> {
    place.run(&["export"]).success().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stored(database: &TestDatabase) -> i64 {
    database.query_number("SELECT count(*) AS number FROM posts")
}

/// What it says on standard output, for a file that goes in whole.
fn import(place: &Sandbox, text: &str) -> String {
    place.run_with_input(&["import", "--resumable", "-"], text).success()
}

#[on_both]
async fn an_import_that_was_killed_goes_on_where_it_was(database: TestDatabase) {
    database.migrate();
    let place = sandbox(&database);
    let posts = posts(2300);
    let (mut import, mut input) = place.start_with_input("import", &["import", "--resumable", "-"]);
    input.write_all(lines(&posts[..1300]).as_bytes()).unwrap();
    wait_for("two batches to be stored", async || (stored(&database) >= 1000).then_some(())).await;
    import.kill();
    assert_eq!(stored(&database), 1000, "whole batches stay");
    place.write("posts.ndjson", &lines(&posts));
    assert_eq!(
        place.run(&["import", "--resumable", "posts.ndjson"]).success(),
        "imported 1300 posts, 1000 already stored, skipped 0 lines\n"
    );
    assert!(exported(&place) == posts, "the export differs");
    assert_eq!(
        place.run(&["import", "--resumable", "posts.ndjson"]).success(),
        "imported 0 posts, 2300 already stored, skipped 0 lines\n"
    );
    assert!(exported(&place) == posts, "the export differs");
}

#[on_both]
async fn an_import_that_is_not_resumable_leaves_nothing_when_it_is_killed(database: TestDatabase) {
    database.migrate();
    let place = sandbox(&database);
    let (mut import, mut input) = place.start_with_input("import", &["import", "-"]);
    input.write_all(lines(&posts(1300)).as_bytes()).unwrap();
    wait_for("it to tell how far it is", async || {
        input.write_all(b"{\"title\": \"More\"}\n").unwrap();
        (!import.stderr().is_empty()).then_some(())
    })
    .await;
    import.kill();
    wait_for("nobody to hold the posts", async || (stored(&database) == 0).then_some(())).await;
}

/// PostgreSQL would give the slug to whoever asks for it meanwhile, and the whole import would be refused for it.
#[on_both]
async fn nobody_takes_a_slug_of_an_import_that_has_begun(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    let editor = api.editor();
    let place = sandbox(&database);
    let (mut import, mut input) = place.start_with_input("import", &["import", "-"]);
    input.write_all(lines(&posts(700)).as_bytes()).unwrap();
    let post = json!({"title": "Late", "slug": "late"});
    wait_for("the import to keep others waiting", async || {
        let status = editor.post("/api/posts", &json!({"title": "Meanwhile"})).await.status;
        (status == 503).then_some(())
    })
    .await;
    writeln!(input, "{post}").unwrap();
    drop(input);
    assert!(import.wait_for_exit().await.success(), "{}", import.stderr());
    editor.post("/api/posts", &post).await.expect(409);
}

/// Between two batches nothing is locked.
#[on_both]
async fn the_service_goes_on_writing_beside_it(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |_| {});
    let place = sandbox(&database);
    let (mut import, mut input) = place.start_with_input("import", &["import", "--resumable", "-"]);
    input.write_all(lines(&posts(700)).as_bytes()).unwrap();
    wait_for("a batch to be stored", async || (stored(&database) >= 500).then_some(())).await;
    let made = api.create(json!({"title": "Meanwhile"})).await;
    assert!(made["id"].as_i64().unwrap() > 500);
    drop(input);
    assert!(
        import.wait_for_exit().await.success() || import.stderr().contains("is already in use"),
        "{}",
        import.stderr()
    );
}

#[on_both]
async fn a_post_is_known_again_by_its_id_its_slug_or_when_it_was_written(database: TestDatabase) {
    let place = sandbox(&database);
    let text = lines(&[
        json!({"title": "By id", "id": 10}),
        json!({"title": "By slug", "slug": "by-slug", "published": true}),
        json!({"title": "By time", "created_at": "2026-01-31T12:00:00Z"}),
        json!({"title": "By time", "published": true, "published_at": "2026-01-31T12:00:00Z"}),
    ]);
    assert_eq!(import(&place, &text), "imported 4 posts, 0 already stored, skipped 0 lines\n");
    let before = exported(&place);
    assert_eq!(import(&place, &text), "imported 0 posts, 4 already stored, skipped 0 lines\n");
    assert_eq!(exported(&place), before);
    let outcome = place.run_with_input(&["import", "--resumable", "-"], "{\"title\": \"By nothing\"}\n");
    assert!(outcome.stderr.starts_with("line 1: has no id, slug, or created_at"), "{}", outcome.stderr);
    assert!(!outcome.status.success());
    assert_eq!(exported(&place), before);
}

#[on_both]
async fn what_differs_from_the_file_stays_and_is_told(database: TestDatabase) {
    let place = sandbox(&database);
    let given = posts(8);
    import(&place, &lines(&given));
    let before = exported(&place);
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
        let mut changed = given.clone();
        changed[2][field] = value;
        let outcome = place.run_with_input(&["import", "--resumable", "-"], &lines(&changed));
        assert!(!outcome.status.success(), "{field}");
        let mut said = outcome.stderr.lines();
        let first = said.next().unwrap();
        assert!(
            first == "line 3: /slug: post-3 is already in use" || first == "line 3: /id: 3 is already in use",
            "{field}: {first}"
        );
        let said = place.run_with_input(&["import", "--resumable", "--skip-invalid", "-"], &lines(&changed)).success();
        assert_eq!(said, "imported 0 posts, 7 already stored, skipped 1 lines\n");
        assert_eq!(exported(&place), before);
    }
}

#[on_both]
async fn a_wrong_line_ends_it_and_the_batches_before_stay(database: TestDatabase) {
    let place = sandbox(&database);
    let mut given = posts(1200);
    given[700]["title"] = json!("");
    let outcome = place.run_with_input(&["import", "--resumable", "-"], &lines(&given));
    assert!(!outcome.status.success());
    assert!(outcome.stderr.starts_with("line 701: /title: must not be empty\n"), "{}", outcome.stderr);
    let last = outcome.stderr.lines().last().unwrap();
    assert!(last.contains("rolled back the last batch and kept the 500 posts before it"), "{last}");
    assert_eq!(stored(&database), 500);
    given[700]["title"] = json!("Mended");
    assert_eq!(import(&place, &lines(&given)), "imported 700 posts, 500 already stored, skipped 0 lines\n");
    assert!(exported(&place) == given, "the export differs");
}

#[on_both]
async fn keys_are_found_again_too(database: TestDatabase) {
    let place = sandbox(&database);
    place.run(&["keys", "create", "--role", "editor", "--name", "ci"]).success();
    let export = place.run(&["export", "--keys"]).success();
    let said = place.run_with_input(&["import", "--keys", "--resumable", "-"], &export).success();
    assert_eq!(said, "imported 0 posts and 0 API keys, 1 already stored, skipped 0 lines\n");
}
