//! Drafts with the same tag. The sort indexes of `post_labels` contain them only if there are many, and a list merges
//! both kinds.

use posts_api::db::{Backend, Connection};
use posts_api::posts::list;
use posts_api::posts::list::params::ListRequest;

use super::query_plans::SORTS;
use crate::support::database::{execute, query_number};
use crate::support::{Engine, TestDatabase, on_both};
use crate::tags_and_authors::assert_labels_match;

/// Inserts posts with these numbers and the tag `a`. Every fourth post is published, and every third one has an author.
fn insert(conn: &mut Connection, first: usize, last: usize) {
    let (numbers, time) = match &mut conn.backend {
        Backend::Sqlite(_) => (
            format!("WITH RECURSIVE n (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM n WHERE n < {last})"),
            "strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + n * 37 % 500, 'unixepoch') || '.000000Z'",
        ),
        Backend::Postgres(_) => (
            format!("WITH n (n) AS (SELECT generate_series({first}, {last}))"),
            "to_timestamp(1700000000 + n * 37 % 500)",
        ),
    };
    execute(
        conn,
        &format!(
            "INSERT INTO posts (slug, title, published, published_at, updated_at, tags, authors)
             {numbers} SELECT 'post-' || n, 'Title ' || (n * 7 % 100), n % 4 = 0,
             CASE WHEN n % 3 = 0 OR n % 4 = 0 THEN {time} END, {time},
             '[\"a\"]', CASE WHEN n % 3 = 1 THEN '[\"ann\"]' ELSE '[]' END FROM n"
        ),
    );
}

/// The ids of all posts of a list, read page by page.
fn ids(conn: &mut Connection, text: &str) -> Vec<i64> {
    let mut query = ListRequest::parse(text).unwrap().query;
    let mut ids = Vec::new();
    loop {
        let page = list::read_page(conn, &query, list::MAX_PAGE_CONTENT).unwrap();
        ids.extend(page.items.iter().map(|item| item.id));
        query.position = page.next;
        if query.position.is_none() {
            return ids;
        }
    }
}

/// Every post has the tag, so that the tag changes no list.
#[track_caller]
fn assert_lists_are_complete(conn: &mut Connection) {
    for sort in SORTS {
        for published in ["any", "false", "true"] {
            let list = format!("published={published}&sort={sort}&limit=70&view=summary");
            let expected = ids(conn, &list);
            assert!(expected.len() > 100, "{list}");
            assert_eq!(ids(conn, &format!("{list}&tag=A")), expected, "{list}");
            assert_eq!(ids(conn, &format!("{list}&tag=a&tag=none")), expected, "{list}");
            let by_ann = ids(conn, &format!("{list}&author=ann"));
            assert!(by_ann.len() > 30 && by_ann.len() < expected.len(), "{list}");
            assert_eq!(ids(conn, &format!("{list}&tag=a&author=ann")), by_ann, "{list}");
        }
    }
}

#[on_both]
async fn lists_merge_drafts_in_and_out_of_the_indexes(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    insert(&mut conn, 1, 800);
    assert_lists_are_complete(&mut conn);
    execute(&mut conn, "UPDATE post_labels SET sortable = TRUE WHERE post_id % 3 = 0");
    assert_lists_are_complete(&mut conn);
    for change in [
        "UPDATE posts SET published = NOT published WHERE id % 5 = 0",
        "UPDATE posts SET title = 'Another ' || title WHERE id % 7 = 0",
        "UPDATE posts SET tags = '[\"b\", \"A\"]' WHERE id % 11 = 0",
        "DELETE FROM posts WHERE id % 13 = 0",
        "UPDATE posts SET published = NOT published WHERE id % 5 = 0",
    ] {
        execute(&mut conn, change);
        assert_labels_match(&database);
        assert_lists_are_complete(&mut conn);
    }
}

/// The number of drafts with a tag that are not in the sort indexes.
fn unsorted(conn: &mut Connection, tag: &str) -> i64 {
    query_number(conn, &format!("SELECT count(*) AS number FROM post_labels WHERE label = '{tag}' AND NOT sortable"))
}

#[on_both]
async fn many_drafts_of_a_tag_are_added_to_the_indexes(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    insert(&mut conn, 1, 1300);
    assert_eq!(unsorted(&mut conn, "a"), 975);
    // One insert in 64 counts: the chance that none of 2,000 does is 1 in 10^14.
    insert(&mut conn, 1301, 4000);
    assert!(unsorted(&mut conn, "a") < 2000);
    execute(&mut conn, "UPDATE posts SET tags = '[\"b\"]' WHERE id > 400");
    assert!(unsorted(&mut conn, "b") < 2000);
    assert_labels_match(&database);
    for sort in SORTS {
        let list = format!("published=false&sort={sort}&limit=100&view=summary");
        let expected: Vec<i64> = ids(&mut conn, &list).into_iter().filter(|id| *id > 400).collect();
        assert_eq!(ids(&mut conn, &format!("{list}&tag=b")), expected, "{list}");
    }
}

/// The number of rows of a tag beyond one per post.
fn repeated(conn: &mut Connection, tag: &str) -> i64 {
    let rows = format!("FROM post_labels WHERE label = '{tag}'");
    query_number(conn, &format!("SELECT count(*) - count(DISTINCT post_id) AS number {rows}"))
}

/// Two names of each post are equal in lower case, so that the index step can come between their inserts.
#[on_both]
async fn drafts_have_one_row_per_tag_in_any_case(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    for first in [1, 1001, 2001, 3001] {
        insert(&mut conn, first, first + 999);
        execute(&mut conn, "UPDATE posts SET tags = '[\"y\", \"Y\"]' WHERE NOT published AND tags = '[\"a\"]'");
        assert_eq!(repeated(&mut conn, "y"), 0);
    }
    execute(
        &mut conn,
        "INSERT INTO posts (slug, title, tags) SELECT 'copy-' || id, title, '[\"z\", \"Z\"]' FROM posts \
         WHERE id <= 2500",
    );
    assert!(unsorted(&mut conn, "z") < 2000);
    assert_eq!(repeated(&mut conn, "z"), 0);
    execute(&mut conn, "UPDATE posts SET published = true");
    assert_labels_match(&database);
}

/// `INSERT OR REPLACE` leaves the row of the former draft in the indexes.
#[tokio::test]
async fn replaced_drafts_have_one_row_per_tag() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let mut conn = database.connect();
    let replace = "INSERT OR REPLACE INTO posts (id, slug, title, tags) VALUES (1, 'p', 'P', '[\"x\"]')";
    execute(&mut conn, replace);
    for change in ["published = TRUE", "published = FALSE"] {
        execute(&mut conn, &format!("UPDATE posts SET {change}"));
    }
    execute(&mut conn, replace);
    assert_eq!(repeated(&mut conn, "x"), 0);
    execute(&mut conn, "UPDATE posts SET published = TRUE");
    assert_labels_match(&database);

    // Rows that an earlier version of the triggers left behind do not fail a change either.
    execute(&mut conn, "UPDATE posts SET published = FALSE");
    let columns = "kind, label, published, post_id, published_key, updated_at, title, name";
    execute(
        &mut conn,
        &format!(
            "INSERT INTO post_labels ({columns}, sortable) SELECT {columns}, FALSE FROM post_labels WHERE sortable"
        ),
    );
    assert_eq!(repeated(&mut conn, "x"), 1);
    execute(&mut conn, "UPDATE posts SET published = TRUE");
    assert_labels_match(&database);
}
