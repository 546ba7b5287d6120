//! Old slugs: they redirect to the present slug of a post.

mod external_writers;
mod triggers;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::support::TestDatabase;

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
