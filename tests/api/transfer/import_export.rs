//! `import` of JSON lines.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, on_both, wait_for, without_defaults};

pub(super) fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

pub(super) fn exported(sandbox: &Sandbox) -> Vec<Value> {
    sandbox
        .run(&["export"])
        .success()
        .lines()
        .map(|line| without_defaults(serde_json::from_str(line).unwrap()))
        .collect()
}

fn fields<'a>(posts: &'a [Value], field: &str) -> Vec<&'a Value> {
    posts.iter().map(|post| &post[field]).collect()
}

/// Imports text with invalid lines. Returns the messages about them, without the summary that follows.
fn rejected_lines(sandbox: &Sandbox, text: &str) -> Vec<String> {
    let outcome = sandbox.run_with_input(&["import", "-"], text);
    assert!(!outcome.status.success(), "{}", outcome.stdout);
    assert_eq!(outcome.stdout, "");
    // On a slow machine the import also reports its progress.
    let lines = outcome.stderr.lines().filter(|line| !line.starts_with("imported "));
    let mut messages: Vec<String> = lines.map(str::to_owned).collect();
    let summary = messages.pop().unwrap();
    assert_eq!(
        summary,
        format!(
            "error: {} lines are invalid and nothing was stored; fix them, or skip them with --skip-invalid",
            messages.len()
        )
    );
    messages
}

#[track_caller]
fn assert_messages(messages: &[String], expected: &[(u64, &str)]) {
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (message, (line, text)) in messages.iter().zip(expected) {
        assert!(
            message.starts_with(&format!("line {line}: ")) && message.contains(text),
            "{message}, not {line}: {text}"
        );
    }
}

#[on_both]
async fn only_the_title_is_required(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = "{\"title\": \" First \"}\r\n\n   \n{\"title\": \"First\", \"published\": true, \"content\": null}";
    assert_eq!(sandbox.run_with_input(&["import", "-"], text).success(), "imported 2 posts, skipped 0 lines\n");
    let posts = exported(&sandbox);
    assert_eq!(fields(&posts, "title"), ["First", "First"]);
    assert_eq!(fields(&posts, "slug"), ["first", "first-2"]);
    assert_eq!(fields(&posts, "published"), [false, true]);
    assert_eq!(fields(&posts, "version"), [1, 1]);
    assert_eq!(posts[0]["published_at"], Value::Null);
    assert_eq!(posts[1]["published_at"], posts[1]["updated_at"]);
}

#[on_both]
async fn every_field_of_a_line_is_stored(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let post = json!({
        "id": 41, "slug": "kept", "title": "Kept", "description": "One line", "tags": ["b", "A"], "authors": ["Zoë"],
        "image": "/a.png", "image_alt": "", "metadata": {"b": [null, {"c": 1.5}], "a": 18_446_744_073_709_551_615_u64},
        "content": "é\n\"\\\u{1f980}", "published": false,
        "published_at": "2020-02-29T23:59:59.123456Z", "scheduled_for": "2999-01-01T00:00:00.000000Z",
        "created_at": "0001-01-01T00:00:00.000000Z", "updated_at": "2021-01-01T00:00:00.000001Z", "version": 7,
    });
    sandbox.run_with_input(&["import", "-"], &lines(std::slice::from_ref(&post))).success();
    assert_eq!(exported(&sandbox), std::slice::from_ref(&post));
    let api = Api::start(&Arc::new(database), |_| {});
    assert_eq!(without_defaults(api.reader().get("/api/posts/41").await.json(200)), post);
}

#[on_both]
async fn times_are_converted_to_utc(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = r#"{"title": "Times", "published": true, "published_at": "2026-01-31T12:00:00+02:00"}"#;
    sandbox.run_with_input(&["import", "-"], text).success();
    let posts = exported(&sandbox);
    assert_eq!(posts[0]["published_at"], "2026-01-31T10:00:00.000000Z");
    assert_eq!(posts[0]["created_at"], "2026-01-31T10:00:00.000000Z");
}

#[on_both]
async fn invalid_lines_are_reported_by_number_and_store_nothing(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = concat!(
        "{\"title\": \"Good\"}\n", "\n", "not json\n", "{\"title\": \"\"}\n", "{\"slug\": \"no-title\"}\n",
        "{\"title\": \"x\", \"slug\": \"Not A Slug\"}\n", "{\"title\": \"x\", \"author\": \"me\"}\n",
        "{\"title\": \"x\", \"published_at\": \"yesterday\"}\n", "{\"title\": \"x\", \"id\": 0}\n",
        "{\"title\": \"x\", \"id\": 9007199254740992}\n", "{\"title\": \"a\\u0000b\"}\n", "[]\n",
        "{\"title\": \"x\", \"version\": 0}\n", "{\"title\": 1, \"content\": 2}\n", "{\"title\": \"Good, too\"}\n",
    );
    assert_messages(
        &rejected_lines(&sandbox, text),
        &[
            (3, "invalid JSON"),
            (4, "/title"),
            (5, "/title: is required"),
            (6, "/slug"),
            (7, "/author"),
            (8, "/published_at"),
            (9, "/id"),
            (10, "/id"),
            (11, "/title"),
            (12, "object"),
            (13, "/version"),
            (14, "/title: must be a string; /content: must be a string"),
        ],
    );
    assert_eq!(exported(&sandbox), Vec::<Value>::new());
}

#[on_both]
async fn skip_invalid_stores_the_valid_lines(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let outcome = sandbox
        .run_with_input(&["import", "--skip-invalid", "-"], "{\"title\": \"A\"}\nnonsense\n{\"title\": \"B\"}\n");
    assert!(outcome.stderr.starts_with("line 2: invalid JSON"), "{}", outcome.stderr);
    assert_eq!(outcome.success(), "imported 2 posts, skipped 1 lines\n");
    assert_eq!(fields(&exported(&sandbox), "title"), ["A", "B"]);
}

#[on_both]
async fn duplicate_ids_and_slugs_are_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let first = lines(&[json!({"title": "Old", "id": 5, "slug": "old"})]);
    sandbox.run_with_input(&["import", "-"], &first).success();
    let before = exported(&sandbox);
    let text = lines(&[
        json!({"title": "a", "id": 5}),
        json!({"title": "b", "slug": "old"}),
        json!({"title": "c", "id": 6, "slug": "new"}),
        json!({"title": "d", "id": 6}),
        json!({"title": "e", "slug": "new"}),
        // Generated slugs avoid the explicit slugs of later lines.
        json!({"title": "Old"}),
        json!({"title": "f", "slug": "old-2"}),
    ]);
    assert_messages(
        &rejected_lines(&sandbox, &text),
        &[
            (1, "/id: 5 is already in use"),
            (2, "/slug: old is already in use"),
            (4, "/id: 6 is already in use"),
            (5, "/slug: new is already in use"),
        ],
    );
    assert_eq!(exported(&sandbox), before);
    sandbox.run_with_input(&["import", "--skip-invalid", "-"], &text).success();
    assert_eq!(fields(&exported(&sandbox), "slug"), ["old", "new", "old-3", "old-2"]);
}

/// The file needs more than one statement, and has duplicates of posts in an earlier one.
#[on_both]
async fn file_of_several_batches_is_one_import(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut posts: Vec<Value> = (1..=1200).map(|id| json!({"title": "Same", "id": id})).collect();
    posts.push(json!({"title": "Twice", "id": 3}));
    posts.push(json!({"title": "Same", "slug": "same-700"}));
    assert_messages(
        &rejected_lines(&sandbox, &lines(&posts)),
        &[(1201, "/id: 3 is already in use"), (1202, "/slug: same-700 is already in use")],
    );
    assert_eq!(exported(&sandbox), Vec::<Value>::new());
    posts.truncate(1200);
    assert_eq!(
        sandbox.run_with_input(&["import", "-"], &lines(&posts)).success(),
        "imported 1200 posts, skipped 0 lines\n"
    );
    let slugs: Vec<String> =
        (1..=1200).map(|number| if number == 1 { "same".into() } else { format!("same-{number}") }).collect();
    let stored = exported(&sandbox);
    assert!(fields(&stored, "slug").into_iter().eq(&slugs), "{:?}", fields(&stored, "slug"));
}

#[on_both]
async fn next_id_is_above_the_imported_ids(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = lines(&[
        json!({"title": "High", "id": 700}),
        json!({"title": "None"}),
        json!({"title": "Low", "id": 2}),
        json!({"title": "None"}),
    ]);
    sandbox.run_with_input(&["import", "-"], &text).success();
    let api = Api::start(&Arc::new(database), |_| {});
    let first = api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap();
    assert!(first > 702, "{first}");
    // A lower id does not move the sequence back.
    sandbox.run_with_input(&["import", "-"], &lines(&[json!({"title": "Lower", "id": 3})])).success();
    let second = api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap();
    assert!(second > first, "{second}");
    // Nor does the deletion of a post.
    api.editor().delete(&format!("/api/posts/{second}")).await.expect(204);
    sandbox.run_with_input(&["import", "-"], &lines(&[json!({"title": "Lower", "id": 4})])).success();
    assert!(api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap() > second);
}

#[on_both]
async fn empty_files_and_databases_are_accepted(database: TestDatabase) {
    let sandbox = sandbox(&database);
    assert_eq!(sandbox.run(&["import", "-"]).success(), "imported 0 posts, skipped 0 lines\n");
    assert_eq!(sandbox.run(&["export"]).success(), "");
}

#[on_both]
async fn unreadable_file_is_reported(database: TestDatabase) {
    let sandbox = sandbox(&database);
    assert!(sandbox.run(&["import", "nothing.ndjson"]).error_line().contains("nothing.ndjson"));
    sandbox.run(&["import", "."]).error_line();
    std::fs::write(sandbox.path("latin1.ndjson"), b"{\"title\": \"\xe9\"}\n").unwrap();
    let outcome = sandbox.run(&["import", "latin1.ndjson"]);
    assert!(outcome.stderr.starts_with("line 1: invalid JSON"), "{}", outcome.stderr);
}

#[on_both]
async fn ids_that_exhaust_the_sequence_are_refused(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let text = lines(&[
        json!({"title": "a", "id": (1_i64 << 52) + 1}),
        json!({"title": "b", "version": 1_i64 << 53}),
        json!({"title": "c", "id": 1_i64 << 52, "version": (1_i64 << 53) - 1}),
    ]);
    assert_messages(&rejected_lines(&sandbox, &text), &[(1, "/id: must be"), (2, "/version: must be")]);
}

/// Parses `imported 500 posts, 98 posts/s`: the posts, the posts per second, and the rest of the line.
fn progress(line: &str) -> Option<(u64, u64, &str)> {
    let (posts, rest) = line.strip_prefix("imported ")?.split_once(" posts, ")?;
    let (rate, rest) = rest.split_once(" posts/s")?;
    Some((posts.parse().ok()?, rate.parse().ok()?, rest))
}

/// The unit tests of the progress reporter cover when it reports what.
#[tokio::test]
async fn long_import_reports_its_progress() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let sandbox = sandbox(&database);
    let (mut import, mut input) = sandbox.start_with_input("import", &["import", "-"]);
    let mut count = 0_u64;
    let mut feed = |posts: u64| {
        input.write_all("{\"title\": \"Post\"}\n".repeat(usize::try_from(posts).unwrap()).as_bytes()).unwrap();
        count += posts;
    };
    feed(500);
    let line = wait_for("the import to report its progress", async || {
        feed(1);
        // Another thread stores the posts. A line can precede the first batch.
        import.stderr().lines().find(|line| !line.starts_with("imported 0 posts")).map(str::to_owned)
    })
    .await;
    let (posts, rate, rest) = progress(&line).unwrap_or_else(|| panic!("{line}"));
    // The import stores 500 posts at a time.
    assert!(posts >= 500 && posts % 500 == 0 && (1..=posts).contains(&rate), "{line}");
    assert_eq!(rest, "", "{line}: the size of a pipe is unknown");
    drop(input);
    assert!(import.wait_for_exit().await.success());
    assert_eq!(import.stdout(), format!("imported {count} posts, skipped 0 lines\n"));
    let last = import.stderr().lines().last().unwrap().to_owned();
    assert!(last.starts_with("finished in ") && last.ends_with(" posts/s"), "{last}");
}
