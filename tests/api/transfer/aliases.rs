//! Old slugs in imports and exports.

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::{exported, sandbox};

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

/// The slug and the aliases of each exported post.
fn aliases(posts: &[Value]) -> Vec<(&str, Value)> {
    posts.iter().map(|post| (post["slug"].as_str().unwrap(), post["aliases"].clone())).collect()
}

#[on_both]
async fn aliases_round_trip_through_the_other_database(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (source, target) = (sandbox(&database), sandbox(&other));
    database.migrate();
    database.execute(
        "INSERT INTO posts (slug, title, published, published_at) VALUES
             ('z', 'A', TRUE, '2025-01-01T00:00:00.000000Z'), ('x', 'B', TRUE, '2025-01-01T00:00:00.000000Z'),
             ('none', 'C', TRUE, '2025-01-01T00:00:00.000000Z')",
    );
    for (day, slug) in (1..).zip(["y", "m", "a"]) {
        // The times that SQLite sets have milliseconds only, and could be equal.
        let time = format!("2026-01-0{day}T00:00:00.000000Z");
        database.execute(&format!("UPDATE posts SET slug = '{slug}', updated_at = '{time}' WHERE id = 1"));
    }
    // A draft that was public, and a draft with the alias of another post as its slug.
    database.execute("UPDATE posts SET slug = 'hidden' WHERE id = 2");
    database.execute("UPDATE posts SET published = FALSE WHERE id = 2");
    database.execute("INSERT INTO posts (slug, title) VALUES ('y', 'D')");
    let export = source.run(&["export"]).success();
    assert_eq!(
        aliases(&exported(&source)),
        [("a", json!(["z", "y", "m"])), ("hidden", json!(["x"])), ("none", json!(null)), ("y", json!(null))]
    );
    target.write("posts.ndjson", &export);
    let outcome = target.run(&["import", "posts.ndjson"]);
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.success(), "imported 4 posts, skipped 0 lines\n");
    assert_eq!(target.run(&["export"]).success(), export);
    let again = target.run(&["import", "--resumable", "posts.ndjson"]);
    assert_eq!(again.success(), "imported 0 posts, 4 already stored, skipped 0 lines\n");
    assert_eq!(target.run(&["export"]).success(), export);
}

#[on_both]
async fn aliases_in_use_are_reported_and_not_stored(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = |slug: &str, published: bool, aliases: Value| {
        json!({
            "slug": slug, "title": slug, "published": published, "aliases": aliases,
        })
    };
    let posts = [
        post("live", true, json!(null)),
        post("first", true, json!(["live", "first", "shared", "shared", "draft", "later"])),
        post("second", false, json!(["shared", "own", "live"])),
        post("draft", false, json!([])),
        post("later", true, json!(["own"])),
    ];
    let outcome = sandbox.run_with_input(&["import", "-"], &lines(&posts));
    assert_eq!(
        outcome.stderr,
        "line 2: the alias \"live\" is the slug of a published post; it was not stored\n\
         line 2: the alias \"later\" is the slug of a published post; it was not stored\n\
         line 3: the alias \"shared\" is an alias of another post; it was not stored\n\
         line 3: the alias \"live\" is the slug of a published post; it was not stored\n\
         line 5: the alias \"own\" is an alias of another post; it was not stored\n"
    );
    outcome.success();
    let stored = exported(&sandbox);
    let mut expected = vec![("live", json!(null)), ("first", json!(["shared", "draft"]))];
    expected.extend([("second", json!(["own"])), ("draft", json!(null)), ("later", json!(null))]);
    assert_eq!(aliases(&stored), expected);
}

#[on_both]
async fn invalid_aliases_are_rejected(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let many: Vec<String> = (0..51).map(|number| format!("a-{number}")).collect();
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    for (aliases, message) in [
        (json!(["a", "B", 1, null]).to_string(), "/aliases/1: must consist of words"),
        (json!(["a", "B", 1, null]).to_string(), "/aliases/2: must be a string; /aliases/3: must be a string"),
        (json!("a").to_string(), "/aliases: must be an array"),
        (json!(many).to_string(), "/aliases: must have at most 50 items"),
        (format!("[{}1]", "1,".repeat(1_000_000)), "more than 20000 values"),
        (nested, "recursion limit exceeded"),
    ] {
        let line = format!("{{\"title\": \"A\", \"aliases\": {aliases}}}");
        let outcome = sandbox.run_with_input(&["import", "-"], &line);
        assert!(!outcome.status.success());
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
}

/// 500 posts with 50 aliases each are one batch of posts, but too many rows for one statement.
#[on_both]
async fn a_full_batch_of_aliases_is_stored(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let posts: Vec<Value> = (0..500)
        .map(|post| {
            let aliases: Vec<String> = (0..50).map(|alias| format!("old-{alias}-{post}")).collect();
            json!({"slug": format!("post-{post}"), "title": "A", "published": true, "aliases": aliases})
        })
        .collect();
    sandbox.run_with_input(&["import", "-"], &lines(&posts)).success();
    let stored = exported(&sandbox);
    for (given, stored) in posts.iter().zip(&stored) {
        assert_eq!(given["aliases"], stored["aliases"]);
    }
}
