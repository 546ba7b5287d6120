//! JSON in the columns `tags` and `authors` that only other programs write.

use posts_api::transfer::{self, Contents};
use serde_json::{Value, json};

use super::external_writers::{insert, tags};
use super::read;
use super::resync::assert_labels_match;
use crate::support::database::{execute, try_execute};
use crate::support::{Api, TestDatabase, on_both};

/// Valid JSON that the service itself never writes, and the labels that it stands for.
const UNUSUAL: [(&str, &[&str]); 14] = [
    ("[ \"Rust\" ,\n\t\"Web dev\"\r\n]", &["Rust", "Web dev"]),
    ("\n[]\n", &[]),
    ("[ ]", &[]),
    (r#"["\u0052ust", "caf\u00e9"]"#, &["Rust", "café"]),
    (r#"["Rust", "rust", "RUST"]"#, &["Rust"]),
    (r#"["Rust", "Rust"]"#, &["Rust"]),
    (r#"["", "a"]"#, &["a"]),
    (r#"["  padded  "]"#, &["  padded  "]),
    (r#"["tab\there", "line\nbreak"]"#, &["line\nbreak", "tab\there"]),
    (r#"["e\u0301"]"#, &["e\u{301}"]),
    (r#"["quo\"te", "back\\slash", "it's"]"#, &["back\\slash", "it's", "quo\"te"]),
    (r#"["\ud83e\udd80"]"#, &["🦀"]),
    (r#"["a", "[1]", "null"]"#, &["[1]", "a", "null"]),
    ("[\"\u{fffd}\u{fffe}\u{ffff}\"]", &["\u{fffd}\u{fffe}\u{ffff}"]),
];

#[on_both]
async fn unusual_json_gets_the_labels_that_it_stands_for(api: Api) {
    let database = &api.server.database;
    let reader = api.reader();
    for (json, expected) in UNUSUAL {
        database.execute("DELETE FROM posts");
        database.execute(&insert(json, json));
        let mut expected: Vec<String> = expected.iter().map(|name| format!("{name} 1")).collect();
        expected.sort_by_key(|name| name.to_ascii_lowercase());
        for list in ["tags", "authors"] {
            for sort in ["name", "-posts"] {
                assert_eq!(read(&reader, &format!("/api/{list}?sort={sort}")).await, expected, "{json}");
            }
        }
        let given: Value = serde_json::from_str(json).unwrap();
        let page = reader.get("/api/posts").await.json(200);
        assert_eq!((&page["items"][0]["tags"], &page["items"][0]["authors"]), (&given, &given), "{json}");
        assert_labels_match(database);
    }
}

/// A list with all values that only external writers can store, and everything that a client may do with them.
#[on_both]
async fn every_request_works_with_unusual_json(api: Api) {
    let database = &api.server.database;
    let many = serde_json::to_string(&(0..300).map(|n| format!("tag {n}")).collect::<Vec<_>>()).unwrap();
    let long = format!("[{:?}, \"short\"]", "x".repeat(5000));
    let mut all: Vec<String> = UNUSUAL.iter().map(|(json, _)| (*json).to_owned()).collect();
    all.extend([many, long]);
    for json in &all {
        database.execute(&insert(json, json));
    }
    assert_labels_match(database);
    let (reader, editor) = (api.reader(), api.editor());
    for path in [
        "/api/posts?limit=100", "/api/posts?limit=100&view=summary", "/api/posts?q=text&sort=-published_at",
        "/api/tags?limit=100", "/api/tags?limit=100&sort=-posts", "/api/authors?limit=100",
        "/api/authors?limit=100&sort=-posts", "/api/tags?q=tag",
    ] {
        reader.get(path).await.expect(200);
        api.get(path).await.expect(200);
    }
    for id in 1..=all.len() {
        let path = format!("/api/posts/{id}");
        reader.get(&path).await.expect(200);
        let tag = reader.get(&path).await.header("etag").unwrap().to_owned();
        let patched = editor.patch(&path, &json!({"title": "Patched"})).header("if-match", &tag).await.json(200);
        assert_eq!(patched["title"], "Patched");
        editor.post_empty(&format!("{path}/unpublish")).await.expect(200);
        editor.post_empty(&format!("{path}/publish")).await.expect(200);
    }
    assert_labels_match(database);
    for id in 1..=all.len() {
        let path = format!("/api/posts/{id}");
        editor.patch(&path, &json!({"tags": ["New"], "authors": null})).await.expect(200);
    }
    assert_labels_match(database);
    assert_eq!(tags(&api).await, [format!("New {}", all.len())]);
}

/// JSON of other types, strings that are no text, and text that is not JSON.
const INVALID: [&str; 22] = [
    "[1]", "[\"a\", 1]", "[null]", "[true]", "[[\"a\"]]", "[{}]", "[\"a\", {\"b\": \"c\"}]", "{}", "{\"a\": \"b\"}",
    "\"a\"", "null", "1", "", "a", "[\"a\"", "['a']", "[\"a\",]", r#"["\ud800"]"#, r#"["a", "b\udc00"]"#,
    r#"["\u0000"]"#, r#"["nul\u0000l"]"#, "[\"\u{fffd}\\ud800\"]",
];

#[on_both]
async fn other_json_is_rejected(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    execute(&mut conn, &insert(r#"["Rust"]"#, r#"["Ada"]"#));
    for json in INVALID {
        for statement in [
            insert(json, "[]"),
            insert("[]", json),
            insert(r#"["a"]"#, json),
            format!("UPDATE posts SET tags = '{}'", json.replace('\'', "''")),
            format!("UPDATE posts SET authors = '{}'", json.replace('\'', "''")),
        ] {
            assert!(try_execute(&mut conn, &statement).is_err(), "{statement}");
        }
    }
    for statement in ["UPDATE posts SET tags = NULL", "UPDATE posts SET metadata = '[]'"] {
        assert!(try_execute(&mut conn, statement).is_err(), "{statement}");
    }
    let stored =
        r#"SELECT count(*) AS number FROM posts WHERE tags = '["Rust"]' AND authors = '["Ada"]' AND version = 1"#;
    assert_eq!(database.query_number(stored), 1);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 1);
    assert_labels_match(&database);
}

/// NDJSON has one line per post, whatever white space an external writer has stored.
#[on_both]
async fn export_of_unusual_json_can_be_imported(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    for json in ["[ \"Rust\" ,\n\t\"Web dev\"\r\n]", "\n[]\n", r#"["  padded  ", "tab\there"]"#] {
        execute(&mut conn, &insert(json, json));
    }
    let mut lines = Vec::new();
    transfer::export(&mut conn, &mut lines, Contents::Posts, |_| {}).unwrap();
    let other = TestDatabase::create(database.engine).unwrap();
    other.migrate();
    let report =
        transfer::import(&mut other.connect(), lines.as_slice(), transfer::Options::default(), |_| {}).unwrap();
    assert_eq!(report.imported, 3);
    assert_labels_match(&other);
    let names = "SELECT count(*) AS number FROM post_labels WHERE name IN ('Rust', 'Web dev', 'padded', 'tab here')";
    assert_eq!(other.query_number(names), 8);
}
