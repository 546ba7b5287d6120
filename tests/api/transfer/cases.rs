//! Import files that failed in the past. `cases/README.md` describes them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TestDatabase, on_both};
use crate::transfer::import_export::{exported, sandbox};

/// Imports a file, and returns the given fields of the stored posts and the messages.
fn import(database: &TestDatabase, format: &str, file: &str, fields: &[&str]) -> (Value, Vec<String>) {
    let sandbox = sandbox(database);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/transfer/cases").join(file);
    let outcome = sandbox.run(&["import", "--pages", "--format", format, path.to_str().unwrap()]);
    let messages = outcome.stderr.lines().map(str::to_owned).collect();
    outcome.success();
    let posts = exported(&sandbox);
    let posts = posts.iter().map(|post| fields.iter().map(|field| post[field].clone()).collect::<Value>());
    (posts.collect(), messages)
}

#[on_both]
async fn email_only_post_becomes_a_draft(database: TestDatabase) {
    let (posts, messages) = import(&database, "ghost", "g1.json", &["slug", "published", "scheduled_for", "content"]);
    assert_eq!(posts, json!([["letter", false, null, "<p>x</p>"]]));
    assert_eq!(messages, ["email-only posts imported as drafts: 1"]);
}

#[on_both]
async fn members_only_block_is_removed(database: TestDatabase) {
    let (posts, messages) = import(&database, "ghost", "g2.json", &["slug", "published", "content"]);
    assert_eq!(posts, json!([["t", true, "<p>all</p>"]]));
    assert_eq!(messages, ["post 1: members-only blocks removed: 1"]);
}

#[on_both]
async fn repeated_wordpress_slug_gets_a_number(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w1.xml", &["title", "slug", "published"]);
    assert_eq!(posts, json!([["A", "team", true], ["B", "team-2", true]]));
    assert_eq!(messages, ["item 2: the slug \"team\" is already in use; it becomes team-2"]);
}

#[on_both]
async fn blanks_around_wordpress_values_are_ignored(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w2.xml", &["title", "slug", "published"]);
    assert_eq!(posts, json!([["A", "a", true], ["B", "b", true], ["C", "c", true]]));
    assert_eq!(messages, ["posts in the trash not imported: 1"]);
}

#[on_both]
async fn references_in_wordpress_titles_are_decoded(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w3.xml", &["title", "slug"]);
    assert_eq!(posts, json!([["Q&A – it’s", "q-a-it-s"]]));
    assert_eq!(messages, Vec::<String>::new());
}

#[on_both]
async fn wordpress_pub_date_is_the_date_if_alone(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w4.xml", &["slug", "published", "published_at"]);
    assert_eq!(posts, json!([["a", true, "2020-01-02T03:04:05.000000Z"]]));
    assert_eq!(messages, Vec::<String>::new());
}

#[on_both]
async fn wordpress_markup_without_cdata_is_kept(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w5.xml", &["title", "content"]);
    assert_eq!(posts, json!([["Hi there", "<p>Text</p>"]]));
    assert_eq!(messages, Vec::<String>::new());
}

#[on_both]
async fn wordpress_slug_that_is_blank_is_the_titles(database: TestDatabase) {
    let (posts, messages) = import(&database, "wordpress", "w6.xml", &["title", "slug"]);
    assert_eq!(posts, json!([["A", "swasdii"], ["My title", "my-title"]]));
    assert_eq!(messages, ["item 1: the slug \"สวัสดี\" is invalid; it becomes swasdii"]);
}

#[on_both]
async fn byte_order_mark_is_skipped(database: TestDatabase) {
    let (posts, _) = import(&database, "ghost", "b1.json", &["slug", "content"]);
    assert_eq!(posts, json!([["t", "<p>all</p>"]]));
    let (posts, _) = import(&database, "ndjson", "b1.ndjson", &["title"]);
    assert_eq!(posts, json!([["T"], ["A"], ["B"]]));
}
