//! `import` and `export`.

use std::io::Write;
use std::sync::Arc;

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, on_both, wait_for};

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([("DATABASE_URL", database.url.as_str())])
}

fn lines(posts: &[Value]) -> String {
    posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect()
}

fn exported(place: &Sandbox) -> Vec<Value> {
    place.run(&["export"]).success().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fields<'a>(posts: &'a [Value], field: &str) -> Vec<&'a Value> {
    posts.iter().map(|post| &post[field]).collect()
}

/// Imports text that has invalid lines and answers what is said of each, without the last line of the error output.
fn refused(place: &Sandbox, text: &str) -> Vec<String> {
    let outcome = place.run_with_input(&["import", "-"], text);
    assert!(!outcome.status.success(), "{}", outcome.stdout);
    assert_eq!(outcome.stdout, "");
    // A slow machine has time to tell how far it is.
    let said = outcome.stderr.lines().filter(|line| !line.starts_with("imported "));
    let mut said: Vec<String> = said.map(str::to_owned).collect();
    let last = said.pop().unwrap();
    assert_eq!(
        last,
        format!(
            "error: {} lines are invalid and nothing was stored; fix them, or skip them with --skip-invalid",
            said.len()
        )
    );
    said
}

#[track_caller]
fn say(said: &[String], expected: &[(u64, &str)]) {
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, (line, words)) in said.iter().zip(expected) {
        assert!(said.starts_with(&format!("line {line}: ")) && said.contains(words), "{said} is not {line}: {words}");
    }
}

#[on_both]
async fn a_title_is_all_that_a_line_needs(database: TestDatabase) {
    let place = sandbox(&database);
    let text = "{\"title\": \" First \"}\r\n\n   \n{\"title\": \"First\", \"published\": true, \"content\": null}";
    assert_eq!(place.run_with_input(&["import", "-"], text).success(), "imported 2 posts, skipped 0 lines\n");
    let posts = exported(&place);
    assert_eq!(fields(&posts, "title"), ["First", "First"]);
    assert_eq!(fields(&posts, "slug"), ["first", "first-2"]);
    assert_eq!(fields(&posts, "published"), [false, true]);
    assert_eq!(fields(&posts, "version"), [1, 1]);
    assert_eq!(posts[0]["published_at"], Value::Null);
    assert_eq!(posts[1]["published_at"], posts[1]["updated_at"]);
}

#[on_both]
async fn everything_that_a_line_says_is_kept(database: TestDatabase) {
    let place = sandbox(&database);
    let post = json!({
        "id": 41, "slug": "kept", "title": "Kept", "content": "é\n\"\\\u{1f980}", "published": false,
        "published_at": "2020-02-29T23:59:59.123456Z", "scheduled_for": "2999-01-01T00:00:00.000000Z",
        "created_at": "0001-01-01T00:00:00.000000Z", "updated_at": "2021-01-01T00:00:00.000001Z", "version": 7,
    });
    place.run_with_input(&["import", "-"], &lines(std::slice::from_ref(&post))).success();
    assert_eq!(exported(&place), std::slice::from_ref(&post));
    let api = Api::start(&Arc::new(database), |_| {});
    assert_eq!(api.reader().get("/api/posts/41").await.json(200), post);
}

#[on_both]
async fn times_of_any_offset_become_utc(database: TestDatabase) {
    let place = sandbox(&database);
    let text = r#"{"title": "Times", "published": true, "published_at": "2026-01-31T12:00:00+02:00"}"#;
    place.run_with_input(&["import", "-"], text).success();
    let posts = exported(&place);
    assert_eq!(posts[0]["published_at"], "2026-01-31T10:00:00.000000Z");
    assert_eq!(posts[0]["created_at"], "2026-01-31T10:00:00.000000Z");
}

#[on_both]
async fn invalid_lines_are_told_by_number_and_nothing_is_stored(database: TestDatabase) {
    let place = sandbox(&database);
    let text = concat!(
        "{\"title\": \"Good\"}\n", "\n", "not json\n", "{\"title\": \"\"}\n", "{\"slug\": \"no-title\"}\n",
        "{\"title\": \"x\", \"slug\": \"Not A Slug\"}\n", "{\"title\": \"x\", \"author\": \"me\"}\n",
        "{\"title\": \"x\", \"published_at\": \"yesterday\"}\n", "{\"title\": \"x\", \"id\": 0}\n",
        "{\"title\": \"x\", \"id\": 9007199254740992}\n", "{\"title\": \"a\\u0000b\"}\n", "[]\n",
        "{\"title\": \"x\", \"version\": 0}\n", "{\"title\": 1, \"content\": 2}\n", "{\"title\": \"Good, too\"}\n",
    );
    say(
        &refused(&place, text),
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
    assert_eq!(exported(&place), Vec::<Value>::new());
}

#[on_both]
async fn skip_invalid_stores_the_other_lines(database: TestDatabase) {
    let place = sandbox(&database);
    let outcome =
        place.run_with_input(&["import", "--skip-invalid", "-"], "{\"title\": \"A\"}\nnonsense\n{\"title\": \"B\"}\n");
    assert!(outcome.stderr.starts_with("line 2: invalid JSON"), "{}", outcome.stderr);
    assert_eq!(outcome.success(), "imported 2 posts, skipped 1 lines\n");
    assert_eq!(fields(&exported(&place), "title"), ["A", "B"]);
}

#[on_both]
async fn ids_and_slugs_that_are_taken_are_told(database: TestDatabase) {
    let place = sandbox(&database);
    let first = lines(&[json!({"title": "Old", "id": 5, "slug": "old"})]);
    place.run_with_input(&["import", "-"], &first).success();
    let before = exported(&place);
    let text = lines(&[
        json!({"title": "a", "id": 5}),
        json!({"title": "b", "slug": "old"}),
        json!({"title": "c", "id": 6, "slug": "new"}),
        json!({"title": "d", "id": 6}),
        json!({"title": "e", "slug": "new"}),
        // Slugs that are asked for come first.
        json!({"title": "Old"}),
        json!({"title": "f", "slug": "old-2"}),
    ]);
    say(
        &refused(&place, &text),
        &[
            (1, "/id: 5 is already in use"),
            (2, "/slug: old is already in use"),
            (4, "/id: 6 is already in use"),
            (5, "/slug: new is already in use"),
        ],
    );
    assert_eq!(exported(&place), before);
    place.run_with_input(&["import", "--skip-invalid", "-"], &text).success();
    assert_eq!(fields(&exported(&place), "slug"), ["old", "new", "old-3", "old-2"]);
}

/// More than one statement's worth, with what is taken in an earlier one.
#[on_both]
async fn a_file_of_several_batches_is_one_import(database: TestDatabase) {
    let place = sandbox(&database);
    let mut posts: Vec<Value> = (1..=1200).map(|id| json!({"title": "Same", "id": id})).collect();
    posts.push(json!({"title": "Twice", "id": 3}));
    posts.push(json!({"title": "Same", "slug": "same-700"}));
    say(
        &refused(&place, &lines(&posts)),
        &[(1201, "/id: 3 is already in use"), (1202, "/slug: same-700 is already in use")],
    );
    assert_eq!(exported(&place), Vec::<Value>::new());
    posts.truncate(1200);
    assert_eq!(
        place.run_with_input(&["import", "-"], &lines(&posts)).success(),
        "imported 1200 posts, skipped 0 lines\n"
    );
    let slugs: Vec<String> =
        (1..=1200).map(|number| if number == 1 { "same".into() } else { format!("same-{number}") }).collect();
    let stored = exported(&place);
    assert!(fields(&stored, "slug").into_iter().eq(&slugs), "{:?}", fields(&stored, "slug"));
}

#[on_both]
async fn the_next_id_is_above_those_imported(database: TestDatabase) {
    let place = sandbox(&database);
    let text = lines(&[
        json!({"title": "High", "id": 700}),
        json!({"title": "None"}),
        json!({"title": "Low", "id": 2}),
        json!({"title": "None"}),
    ]);
    place.run_with_input(&["import", "-"], &text).success();
    let api = Api::start(&Arc::new(database), |_| {});
    let first = api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap();
    assert!(first > 702, "{first}");
    // A lower id takes the count not back.
    place.run_with_input(&["import", "-"], &lines(&[json!({"title": "Lower", "id": 3})])).success();
    let second = api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap();
    assert!(second > first, "{second}");
    // Nor does the way of a deleted post.
    api.editor().delete(&format!("/api/posts/{second}")).await.expect(204);
    place.run_with_input(&["import", "-"], &lines(&[json!({"title": "Lower", "id": 4})])).success();
    assert!(api.create(json!({"title": "Next"})).await["id"].as_i64().unwrap() > second);
}

#[on_both]
async fn an_export_imports_into_the_other_database_to_the_same_export(database: TestDatabase) {
    let Some(other) = TestDatabase::create(database.engine.other()) else { return };
    let (here, there) = (sandbox(&database), sandbox(&other));
    let api = Api::start(&Arc::new(database), |_| {});
    for (title, content, published) in [
        ("Plain", Value::Null, false),
        ("Zoë’s 🦀 “post”", json!("\u{1}\\\"\r\n\t é \u{10ffff}"), true),
        ("Deleted", json!(""), true),
        ("Long", json!("x".repeat(512 * 1024)), false),
        ("Plain", json!(""), true),
    ] {
        let post = api.create(json!({"title": title, "content": content, "published": published})).await;
        let path = format!("/api/posts/{}", post["id"]);
        api.editor().post_empty(&format!("{path}/unpublish")).await.expect(200);
        if title == "Deleted" {
            api.editor().delete(&path).await.expect(204);
        }
    }
    let export = here.run(&["export"]).success();
    assert_eq!(export.lines().count(), 4);
    there.write("posts.ndjson", &export);
    there.run(&["import", "posts.ndjson"]).success();
    assert!(there.run(&["export"]).success() == export, "the export differs");
}

#[on_both]
async fn an_empty_file_imports_nothing_and_an_empty_database_exports_nothing(database: TestDatabase) {
    let place = sandbox(&database);
    assert_eq!(place.run(&["import", "-"]).success(), "imported 0 posts, skipped 0 lines\n");
    assert_eq!(place.run(&["export"]).success(), "");
}

#[on_both]
async fn a_file_that_cannot_be_read_is_told(database: TestDatabase) {
    let place = sandbox(&database);
    assert!(place.run(&["import", "nothing.ndjson"]).error_line().contains("nothing.ndjson"));
    place.run(&["import", "."]).error_line();
    std::fs::write(place.path("latin1.ndjson"), b"{\"title\": \"\xe9\"}\n").unwrap();
    let outcome = place.run(&["import", "latin1.ndjson"]);
    assert!(outcome.stderr.starts_with("line 1: invalid JSON"), "{}", outcome.stderr);
}

#[on_both]
async fn the_rust_blog_goes_in_and_comes_out_as_it_was(database: TestDatabase) {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let Ok(text) = std::fs::read_to_string(FILE) else {
        crate::support::report_skipped("the import of 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent");
        return;
    };
    let given: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place = sandbox(&database);
    let said = place.run(&["import", FILE]).success();
    assert_eq!(said, "imported 750 posts, skipped 0 lines\n");

    let same = |given: &Value, stored: &Value| {
        for field in ["slug", "title", "content", "published"] {
            assert_eq!(given[field], stored[field], "{}", given["slug"]);
        }
        let instant = |post: &Value| post["published_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(instant(given), instant(stored), "{}", given["slug"]);
    };
    let stored = exported(&place);
    assert_eq!(stored.len(), 750);
    given.iter().zip(&stored).for_each(|(given, stored)| same(given, stored));

    let api = Api::start(&Arc::new(database), |_| {});
    let mut listed = Vec::new();
    let mut path = "/api/posts?limit=100".to_owned();
    loop {
        let page = api.get(&path).await.json(200);
        listed.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/posts?limit=100&cursor={cursor}");
    }
    listed.reverse();
    assert!(listed == stored, "the list differs from the export");
    for post in stored.iter().step_by(25) {
        let path = format!("/api/posts/by-slug/{}", post["slug"].as_str().unwrap());
        assert_eq!(api.get(&path).await.json(200), *post);
    }
}

#[on_both]
async fn numbers_that_leave_no_room_for_more_are_refused(database: TestDatabase) {
    let place = sandbox(&database);
    let text = lines(&[
        json!({"title": "a", "id": (1_i64 << 52) + 1}),
        json!({"title": "b", "version": 1_i64 << 53}),
        json!({"title": "c", "id": 1_i64 << 52, "version": (1_i64 << 53) - 1}),
    ]);
    say(&refused(&place, &text), &[(1, "/id: must be"), (2, "/version: must be")]);
}

/// The posts and the posts a second of `imported 500 posts, 98 posts/s`, and what follows.
fn progress(line: &str) -> Option<(u64, u64, &str)> {
    let (posts, rest) = line.strip_prefix("imported ")?.split_once(" posts, ")?;
    let (rate, rest) = rest.split_once(" posts/s")?;
    Some((posts.parse().ok()?, rate.parse().ok()?, rest))
}

/// What it says when is tested beside the reporter; here, that it says it.
#[tokio::test]
async fn a_long_import_tells_how_far_it_is() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let place = sandbox(&database);
    let (mut import, mut input) = place.start_with_input("import", &["import", "-"]);
    let mut count = 0_u64;
    let mut feed = |posts: u64| {
        input.write_all("{\"title\": \"Post\"}\n".repeat(usize::try_from(posts).unwrap()).as_bytes()).unwrap();
        count += posts;
    };
    feed(500);
    let told = wait_for("the import to tell how far it is", async || {
        feed(1);
        import.stderr().lines().next().map(str::to_owned)
    })
    .await;
    let (posts, rate, rest) = progress(&told).unwrap_or_else(|| panic!("{told}"));
    // They are stored 500 at a time.
    assert!(posts >= 500 && posts % 500 == 0 && (1..=posts).contains(&rate), "{told}");
    assert_eq!(rest, "", "{told}: the size of a pipe is unknown");
    drop(input);
    assert!(import.wait_for_exit().await.success());
    assert_eq!(import.stdout(), format!("imported {count} posts, skipped 0 lines\n"));
    let last = import.stderr().lines().last().unwrap().to_owned();
    assert!(last.starts_with("finished in ") && last.ends_with(" posts/s"), "{last}");
}
