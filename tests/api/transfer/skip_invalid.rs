//! `--skip-invalid` skips items, not files.

use serde_json::{Value, json};

use crate::support::{Engine, TestDatabase, on_both};
use crate::transfer::ghost::ghost_post;
use crate::transfer::import_export::{exported, sandbox};
use crate::transfer::other_formats::import;
use crate::transfer::wordpress::{POST, WordpressItem, item, wordpress};

fn titles(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["title"].as_str().unwrap()).collect()
}

/// Imports the file with and without `--skip-invalid`. Both report the same items. Returns the reports.
fn skip_invalid(database: &TestDatabase, format: &str, bytes: &[u8], valid: &[&str]) -> Vec<String> {
    let sandbox = sandbox(database);
    std::fs::write(sandbox.path("file"), bytes).unwrap();
    let refused = sandbox.run(&["import", "--format", format, "file"]);
    assert!(!refused.status.success());
    assert_eq!(exported(&sandbox), Vec::<Value>::new());
    let outcome = sandbox.run(&["import", "--format", format, "--skip-invalid", "file"]);
    let unit = ["line ", "item ", "post "].into_iter();
    let is_report = |line: &&str| unit.clone().any(|unit| line.starts_with(unit));
    let reports: Vec<String> = outcome.stderr.lines().filter(is_report).map(str::to_owned).collect();
    let refusals: Vec<&str> = refused.stderr.lines().filter(is_report).collect();
    assert_eq!(reports, refusals);
    let count = reports.len();
    let summary = format!("imported {} posts, skipped {count} ", valid.len());
    assert!(outcome.stdout.starts_with(&summary), "{}", outcome.stdout);
    outcome.success();
    assert_eq!(titles(&exported(&sandbox)), valid);
    reports
}

#[track_caller]
fn assert_reports(reports: &[String], expected: &[&str]) {
    assert_eq!(reports.len(), expected.len(), "{reports:#?}");
    for (report, expected) in reports.iter().zip(expected) {
        assert!(report.starts_with(expected), "{report}, not {expected}");
    }
}

#[on_both]
async fn invalid_ndjson_lines_are_skipped(database: TestDatabase) {
    let file = [
        b"\xef\xbb\xbf{\"title\": \"A\"}\r\n\r\n".as_slice(),
        b"{\"title\": \"x\", \"title\": \"y\"}\n",
        b"{\"title\": \"\xe9\"}\n",
        b"{\"title\": \"\\ud800\"}\n",
        b"{\"title\": \"x\", \"published\": false, \"published\": true}\n",
        b"{\"title\": \"x\", \"\\u001b[31mred\": [[1e999, {\"a\": 1, \"a\": 2}]]}\n",
        b"{\"title\": \"x\"\n",
        b"{\"title\": [[[{}]]]}\n",
        b"\xef\xbb\xbf{\"title\": \"B\"}\n",
        b"{\"api_key\": {\"id\": 1}}\n",
        b"{\"last_ids\": {\"posts\": 1, \"posts\": 2, \"api_keys\": 1}}\n",
        b"  {\"title\": \"C\"}",
    ];
    let reports = skip_invalid(&database, "ndjson", &file.concat(), &["A", "B", "C"]);
    assert_reports(
        &reports,
        &[
            "line 3: the member name \"title\" is repeated", "line 4: invalid JSON", "line 5: invalid JSON",
            "line 6: the member name \"published\" is repeated", "line 7: /\\u{1b}[31mred: unknown field",
            "line 8: invalid JSON", "line 9: /title: must be a string", "line 11: /api_key/name: is required",
            "line 12: the member name \"posts\" is repeated",
        ],
    );
}

#[on_both]
async fn invalid_ghost_posts_are_skipped(database: TestDatabase) {
    let post = |title: &str| ghost_post(&json!({"title": title, "slug": title.to_lowercase()})).to_string();
    let with = |change: Value| ghost_post(&change).to_string();
    let deep = format!("{{\"title\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let twice = post("x").replacen('{', "{\"title\":\"y\",", 1);
    let posts = [
        post("A").into_bytes(),
        with(json!({"title": 5})).into_bytes(),
        twice.into_bytes(),
        b"7".to_vec(),
        b"null".to_vec(),
        post("x").replace("\"x\"", "\"\\ud800\"").into_bytes(),
        [b"{\"title\": \"\xe9\"}".as_slice()].concat(),
        b"{\"title\": \"x\", \"html\": nonsense}".to_vec(),
        deep.into_bytes(),
        with(json!({"published_at": "yesterday"})).into_bytes(),
        with(json!({"created_at": 1e300})).into_bytes(),
        post("B").into_bytes(),
    ];
    let file = [b"{\"db\":[{\"data\":{\"posts\":[".to_vec(), posts.join(b",".as_slice()), b"]}}]}\n".to_vec()].concat();
    let reports = skip_invalid(&database, "ghost", &file, &["A", "B"]);
    assert_reports(
        &reports,
        &[
            "post 2: /title: must be a string",
            "post 3: not a Ghost post: the member name \"title\" is repeated",
            "post 4: not a Ghost post",
            "post 5: not a Ghost post",
            "post 6: /title: ",
            "post 7: not a Ghost post: invalid JSON",
            "post 8: not a Ghost post: invalid JSON",
            "post 9: /title: must be a string",
            "post 10: /published_at: \"yesterday\" is not a date",
            "post 11: /created_at: \"1e+300\" is not a date",
        ],
    );
}

#[on_both]
async fn invalid_wordpress_items_are_skipped(database: TestDatabase) {
    let titled = |title: &str| item(&WordpressItem { title, name: "", ..POST });
    let text = wordpress(
        &[
            titled("A"),
            titled("caf\u{1}\u{2}\u{3}"),
            titled(&"x".repeat(201)),
            item(&WordpressItem { date: "yesterday", ..POST }),
            item(&WordpressItem { more: "<wp:status>private</wp:status>", ..POST }),
            item(&WordpressItem {
                more: "<wp:postmeta><wp:meta_value>\u{4}\u{5}</wp:meta_value></wp:postmeta>",
                ..POST
            }),
            titled("B"),
        ]
        .concat(),
    );
    // Bytes that are not UTF-8, in a field that is read, and in one that is not.
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte < 6 { byte | 0xf8 } else { byte }).collect();
    let reports = skip_invalid(&database, "wordpress", &bytes, &["A", "A post", "B"]);
    assert_reports(
        &reports,
        &[
            "item 2: <title> is not valid UTF-8", "item 3: /title: must be at most 200 characters",
            "item 4: <wp:post_date_gmt>: \"yesterday\" is not a date", "item 5: the element <wp:status> is repeated",
        ],
    );
}

/// A line or post that is longer than 16 MiB is read to its end without being stored.
#[tokio::test]
async fn oversized_items_are_skipped() {
    let Some(database) = TestDatabase::create(Engine::Sqlite) else { return };
    let sandbox = sandbox(&database);
    let long = "x".repeat(17 * 1024 * 1024);
    let file = format!("{{\"title\": \"A\"}}\n{{\"title\": \"{long}\"}}\n{{\"title\": \"B\"}}\n");
    let outcome = import(&sandbox, "ndjson", &["--skip-invalid"], &file);
    assert_eq!(outcome.stderr.lines().next(), Some("line 2: is longer than 16 MiB"));
    assert_eq!(outcome.success(), "imported 2 posts, skipped 1 lines\n");
    let posts = ["C", &long, "D"].map(|title| ghost_post(&json!({"title": title, "slug": null})).to_string());
    let file = format!("{{\"data\":{{\"posts\":[{}]}}}}", posts.join(","));
    let outcome = import(&sandbox, "ghost", &["--skip-invalid"], &file);
    assert_eq!(outcome.stderr.lines().next(), Some("post 2: is longer than 16 MiB"));
    assert_eq!(outcome.success(), "imported 2 posts, skipped 1 posts\n");
    assert_eq!(titles(&exported(&sandbox)), ["A", "B", "C", "D"]);
}
