//! The triggers that keep the aliases, for writes in SQL.

use super::{assert_flags_match, assert_stored, stored};
use crate::support::{Engine, TestDatabase, on_both};

/// A migrated database with the public post 1 and the draft 2.
fn fill(database: &TestDatabase) {
    database.migrate();
    database
        .execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE), (2, 'draft', 'D', FALSE)");
}

fn rename(database: &TestDatabase, id: i64, slug: &str) {
    database.execute(&format!("UPDATE posts SET slug = '{slug}' WHERE id = {id}"));
}

#[on_both]
async fn rename_of_a_public_post_leaves_an_alias(database: TestDatabase) {
    fill(&database);
    rename(&database, 1, "b");
    assert_stored(&database, &[("a", 1)]);
    rename(&database, 1, "c");
    assert_stored(&database, &[("a", 1), ("b", 1)]);
    database.execute("UPDATE posts SET title = 'Other', slug = slug, published = published");
    assert_stored(&database, &[("a", 1), ("b", 1)]);
}

#[on_both]
async fn rename_of_a_draft_leaves_no_alias(database: TestDatabase) {
    fill(&database);
    rename(&database, 2, "secret");
    // The old slug was never public.
    database.execute("UPDATE posts SET slug = 'public', published = TRUE WHERE id = 2");
    assert_stored(&database, &[]);
    rename(&database, 2, "later");
    // The old slug was public at that moment.
    database.execute("UPDATE posts SET slug = 'hidden', published = FALSE WHERE id = 2");
    assert_stored(&database, &[("later", 2), ("public", 2)]);
    rename(&database, 2, "hidden-again");
    assert_stored(&database, &[("later", 2), ("public", 2)]);
}

#[on_both]
async fn renaming_back_removes_the_alias(database: TestDatabase) {
    fill(&database);
    rename(&database, 1, "b");
    rename(&database, 1, "a");
    assert_stored(&database, &[("b", 1)]);
    // A draft too: otherwise it would redirect to itself once it is published.
    database.execute("UPDATE posts SET published = FALSE WHERE id = 1");
    rename(&database, 1, "b");
    assert_stored(&database, &[]);
}

#[on_both]
async fn public_slug_ends_an_alias_for_good(database: TestDatabase) {
    fill(&database);
    for take in [
        "INSERT INTO posts (id, slug, title, published) VALUES (3, 'a', 'New', TRUE)",
        "UPDATE posts SET slug = 'a', published = TRUE WHERE id = 2",
        "INSERT INTO posts (id, slug, title, published) VALUES (3, 'draft', 'New', TRUE)
             ON CONFLICT (slug) DO UPDATE SET slug = 'a', published = TRUE",
    ] {
        rename(&database, 1, "b");
        assert_stored(&database, &[("a", 1)]);
        database.execute(take);
        assert_stored(&database, &[]);
        database.execute("UPDATE posts SET published = FALSE WHERE slug = 'a'");
        assert_stored(&database, &[]);
        database.execute("DELETE FROM posts");
        database.execute(
            "INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE), (2, 'draft', 'D', FALSE)",
        );
    }
}

/// No public response depends on a draft. So a draft does not end the redirect until it is published.
#[on_both]
async fn draft_ends_an_alias_when_it_is_published(database: TestDatabase) {
    fill(&database);
    rename(&database, 1, "b");
    rename(&database, 2, "a");
    assert_stored(&database, &[("a", 1)]);
    database.execute("UPDATE posts SET published = TRUE WHERE id = 2");
    assert_stored(&database, &[]);
    rename(&database, 2, "c");
    assert_stored(&database, &[("a", 2)]);
}

#[on_both]
async fn aliases_follow_the_state_and_id_of_their_post(database: TestDatabase) {
    fill(&database);
    rename(&database, 1, "b");
    for published in ["FALSE", "TRUE"] {
        database.execute(&format!("UPDATE posts SET published = {published} WHERE id = 1"));
        assert_stored(&database, &[("a", 1)]);
    }
    database.execute("UPDATE posts SET id = 9, slug = 'c' WHERE id = 1");
    assert_stored(&database, &[("a", 9), ("b", 9)]);
}

#[on_both]
async fn deleted_post_takes_its_aliases_with_it(database: TestDatabase) {
    fill(&database);
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (3, 'x', 'X', TRUE)");
    rename(&database, 1, "b");
    rename(&database, 3, "y");
    let mut conn = database.connect();
    if database.engine == Engine::Sqlite {
        // The default of the sqlite3 shell.
        crate::support::database::execute(&mut conn, "PRAGMA foreign_keys = OFF");
    }
    crate::support::database::execute(&mut conn, "DELETE FROM posts WHERE id = 1");
    assert_stored(&database, &[("x", 3)]);
    let empty = if database.engine == Engine::Sqlite { "DELETE FROM posts" } else { "TRUNCATE posts" };
    crate::support::database::execute(&mut conn, empty);
    assert_stored(&database, &[]);
}

#[on_both]
async fn oldest_of_more_than_fifty_aliases_goes(database: TestDatabase) {
    fill(&database);
    for number in 1..=52 {
        database.execute(&format!(
            "UPDATE posts SET slug = 'b-{number}', updated_at = '2026-01-01T00:00:00.0000{number:02}Z' WHERE id = 1"
        ));
        assert!(stored(&database).len() <= 50);
    }
    let slugs: Vec<String> = stored(&database).into_iter().map(|(slug, _)| slug).collect();
    let mut expected: Vec<String> = (2..=51).map(|number| format!("b-{number}")).collect();
    expected.sort();
    assert_eq!(slugs, expected);
    assert_flags_match(&database);
}

#[on_both]
async fn direct_inserts_obey_the_same_rules(database: TestDatabase) {
    fill(&database);
    database.execute(
        "INSERT INTO post_aliases (slug, post_id)
         VALUES ('old', 1), ('a', 1), ('older', 2), ('draft', 1), ('draft-2', 2)",
    );
    // 'a' is public. 'draft' is the slug of a draft, which does not count.
    assert_stored(&database, &[("draft", 1), ("draft-2", 2), ("old", 1), ("older", 2)]);
    database.execute("INSERT INTO post_aliases (slug, post_id) VALUES ('a', 2)");
    for number in 1..=60 {
        let time = format!("2099-01-01T00:00:{:02}.000000Z", number % 60);
        database.execute(&format!(
            "INSERT INTO post_aliases (slug, post_id, created_at) VALUES ('n-{number}', 1, '{time}')"
        ));
    }
    let count = "SELECT count(*) AS number FROM post_aliases WHERE post_id = 1";
    assert_eq!(database.query_number(count), 50);
    assert_flags_match(&database);
}

/// SQLite replaces the conflict clause of a statement in a trigger by that of the statement that fires it.
#[test]
fn conflict_clauses_of_sqlite_do_not_change_the_rules() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    fill(&database);
    for (number, clause) in ["ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"].into_iter().enumerate() {
        database.execute(&format!("UPDATE OR {clause} posts SET slug = 'b-{number}' WHERE id = 1"));
        assert_eq!(stored(&database).len(), number + 1, "{clause}");
    }
    database.execute("INSERT OR REPLACE INTO posts (id, slug, title, published) VALUES (3, 'b-1', 'B', TRUE)");
    assert_eq!(stored(&database).len(), 4);
    assert_flags_match(&database);
}
