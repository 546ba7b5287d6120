//! Old slugs: they redirect to the present slug of a post.

mod concurrency;
mod external_writers;
mod freshness;
mod lists;
mod model_check;
mod plans;
mod redirects;
mod triggers;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::support::{Api, Reply, TestDatabase};

#[derive(QueryableByName)]
struct Alias {
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = BigInt)]
    post_id: i64,
}

/// The aliases in the database with the ids of their posts, in the order of the slugs.
fn stored(database: &TestDatabase) -> Vec<(String, i64)> {
    let rows: Vec<Alias> = database.rows("SELECT slug, post_id FROM post_aliases ORDER BY slug");
    rows.into_iter().map(|row| (row.slug, row.post_id)).collect()
}

#[track_caller]
fn assert_stored(database: &TestDatabase, expected: &[(&str, i64)]) {
    let stored = stored(database);
    let stored: Vec<(&str, i64)> = stored.iter().map(|(slug, id)| (slug.as_str(), *id)).collect();
    assert_eq!(stored, expected);
    assert_flags_match(database);
}

/// Asserts that each alias has the right copy of `posts.published`.
#[track_caller]
fn assert_flags_match(database: &TestDatabase) {
    let wrong = "SELECT count(*) AS number FROM post_aliases
        LEFT JOIN posts ON posts.id = post_id WHERE posts.id IS NULL OR posts.published <> post_aliases.published";
    assert_eq!(database.query_number(wrong), 0);
}

fn by_slug(slug: &str) -> String {
    format!("/api/posts/by-slug/{slug}")
}

async fn rename(api: &Api, id: i64, slug: &str) {
    api.editor().patch(&format!("/api/posts/{id}"), &json!({"slug": slug})).await.expect(200);
}

/// Creates a public post and renames it, so that all slugs but the last redirect to the last. Returns its id.
async fn create_renamed(api: &Api, slugs: &[&str]) -> i64 {
    let post = api.create(json!({"title": "A", "slug": slugs[0], "published": true})).await;
    let id = post["id"].as_i64().unwrap();
    for slug in &slugs[1..] {
        rename(api, id, slug).await;
    }
    id
}

/// Asserts a redirect to the slug.
#[track_caller]
fn assert_moved(reply: Reply, to: &str) -> Value {
    let reply = reply.expect(301);
    assert_eq!(reply.header("location"), Some(by_slug(to).as_str()), "{}", reply.line);
    let redirect = reply.json(301);
    assert_eq!(redirect["to"], to);
    redirect
}
