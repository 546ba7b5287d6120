//! Pages are ranges of indexes, whatever the size of the log and the number of posts.

use posts_api::db::{Backend, Connection, Timestamp};
use posts_api::posts::changes::query::{FeedPosition, FeedQuery, FeedStart, LogRowId};
use posts_api::posts::changes::store::{Feed, FeedPage, read_feed};
use posts_api::posts::list::query::View;

use crate::lists::query_plans::plan;
use crate::support::database::execute;
use crate::support::{TestDatabase, on_both, statements};

/// Inserts drafts, public posts with larger ids, and as many rows of the log, the last one at the returned position.
fn fill(conn: &mut Connection, drafts: u32, public: u32) {
    let total = drafts + public;
    let numbers = match &mut conn.backend {
        Backend::Sqlite(_) => {
            format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {total})")
        }
        Backend::Postgres(_) => format!("WITH n (n) AS (SELECT generate_series(1, {total}))"),
    };
    execute(
        conn,
        &format!(
            "INSERT INTO posts (id, slug, title, published) {numbers} SELECT n, 'post-' || n, 'A', n > {drafts} FROM n"
        ),
    );
    execute(conn, "UPDATE posts SET title = 'B' WHERE published");
    execute(conn, "ANALYZE");
}

/// The plan of a statement on the log with this position, or of another one.
fn plan_at(conn: &mut Connection, sql: &str, seq: i64) -> String {
    match &conn.backend {
        Backend::Postgres(_) if sql.contains("post_changes") => {
            // The service plans each execution with the actual values.
            plan(conn, &sql.replace("$1", &seq.to_string()).replace("$2", &i64::MAX.to_string()))
        }
        _ => plan(conn, sql),
    }
}

#[track_caller]
fn assert_indexed(conn: &mut Connection, statements: &[String], seq: i64) {
    for sql in statements {
        let plan = plan_at(conn, sql, seq);
        for operation in ["Seq Scan", "Sort", "SCAN ", "TEMP B-TREE"] {
            assert!(!plan.contains(operation), "{operation}\n{sql}\n{plan}");
        }
        let is_walk = sql.contains("ORDER BY") && !sql.contains("post_changes");
        assert!(!is_walk || plan.contains("posts_published_id"), "{sql}\n{plan}");
    }
}

fn read(conn: &mut Connection, start: FeedStart, view: View) -> (FeedPage, Vec<String>) {
    let query = FeedQuery { start, limit: 10, view };
    let (feed, statements) = statements::capture(conn, |conn| read_feed(conn, &query, i64::MAX, 1 << 20));
    let Feed::Page(page) = feed.unwrap() else { panic!("the cursor is valid") };
    (page, statements)
}

#[on_both]
async fn pages_are_index_ranges(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn, 5000, 5000);
    let first = database.query_number("SELECT min(seq) AS number FROM post_changes");
    for view in [View::Full, View::Summary] {
        // The walk skips the drafts, and reads the log once to begin. If other tests store long posts, it reads a page
        // in several parts.
        let (page, statements) = read(&mut conn, FeedStart::Posts, view);
        assert_eq!(page.items[0].id, 5001);
        assert!(statements.len() >= 2, "{statements:?}");
        assert_indexed(&mut conn, &statements, first);
        let (page, statements) = read(&mut conn, FeedStart::After(page.position), view);
        assert_eq!(page.items[0].id, 5011);
        assert!(statements.len() >= 2, "{statements:?}");
        assert_indexed(&mut conn, &statements, first);
        let (page, statements) = read(&mut conn, FeedStart::Now, view);
        assert_eq!((page.items.len(), statements.len()), (0, 1), "{statements:?}");
        assert_indexed(&mut conn, &statements, first);
        let (_, statements) = read(&mut conn, FeedStart::After(page.position), view);
        assert_eq!(statements.len(), 1, "a client at the end reads its own row only: {statements:?}");
        for seq in [first, first + 5000, first + 9990] {
            let row = LogRowId { seq, at: at(&database, seq) };
            let (page, statements) = read(&mut conn, FeedStart::After(FeedPosition { row, walked_id: None }), view);
            assert_eq!((page.items.len(), statements.len()), (10, 2), "{statements:?}");
            assert_indexed(&mut conn, &statements[..1], seq);
        }
    }
}

fn at(database: &TestDatabase, seq: i64) -> Timestamp {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = posts_api::db::Timestamptz)]
        at: Timestamp,
    }
    database.rows::<Row>(&format!("SELECT at FROM post_changes WHERE seq = {seq}"))[0].at
}

/// The cleanup reads the beginning of the log only.
#[on_both]
async fn expired_rows_are_found_by_position(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn, 10, 5000);
    let sql = match &mut conn.backend {
        Backend::Sqlite(_) => "SELECT seq, at FROM post_changes WHERE seq >= ? ORDER BY seq LIMIT 1000",
        Backend::Postgres(_) => "SELECT seq, at FROM post_changes WHERE seq >= $1 ORDER BY seq LIMIT 1000",
    };
    assert_indexed(&mut conn, &[sql.to_owned()], 0);
}
