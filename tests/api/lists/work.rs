//! How much of the database a list reads, for filters, searches, and counts that reject almost all posts.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use posts_api::db::{Backend, Connection, DatabaseUrl};
use posts_api::posts::list;
use posts_api::posts::list::count::{self, Count};
use posts_api::posts::list::params::ListRequest;
use serde_json::json;

use super::large_lists::fill;
use crate::support::database::execute;
use crate::support::{Api, Engine, TestDatabase, WAIT_LIMIT, ids, on_both, statements};

const SORTS: [&str; 8] = ["-id", "id", "-published_at", "published_at", "-updated_at", "updated_at", "title", "-title"];

/// The posts with an id below 5,700: too many for the index on the filter.
const OLD: &str = "published_before=2020-09-17T11:26:40Z";

fn read(conn: &mut Connection, text: &str) -> QueryResult<usize> {
    list::read_page(conn, &ListRequest::parse(text).unwrap().query, list::MAX_PAGE_CONTENT).map(|page| page.items.len())
}

fn total(conn: &mut Connection, text: &str) -> QueryResult<i64> {
    let query = ListRequest::parse(text).unwrap().query;
    Ok(count::total(conn, &query.filter, Count::Exact, None)?.unwrap().posts)
}

/// Overwrites the rows of the newest posts, which have ids above 7,500. Reading one of them fails.
fn destroy_newest_rows(database: &TestDatabase) {
    #[derive(QueryableByName)]
    struct Page {
        #[diesel(sql_type = BigInt)]
        pageno: i64,
    }
    let leaves = "SELECT pageno FROM dbstat WHERE name = 'posts' AND pagetype = 'leaf' ORDER BY path";
    let pages: Vec<i64> = database.rows::<Page>(leaves).into_iter().map(|page| page.pageno).collect();
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let page_size = database.query_number("SELECT page_size AS number FROM pragma_page_size");
    let DatabaseUrl::Sqlite { path } = database.parsed() else { unreachable!() };
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    for page in &pages[pages.len() * 5 / 8..] {
        file.seek(SeekFrom::Start(((page - 1) * page_size).try_into().unwrap())).unwrap();
        file.write_all(&vec![0xff; page_size.try_into().unwrap()]).unwrap();
    }
}

#[test]
fn sqlite_rejects_posts_without_reading_their_rows() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    fill(&mut database.connect());
    destroy_newest_rows(&database);
    let mut conn = database.connect();
    // Most pages of an unfiltered list include a destroyed row.
    assert!(read(&mut conn, "sort=-id").is_err());
    assert!(read(&mut conn, "sort=title").is_err());
    for sort in SORTS {
        for filter in
            ["", "&q=all", "&q=even", "&tag=odd", "&author=ann", "&tag=odd&tag=old&q=all", "&tag=old&author=ann"]
        {
            let text = format!("sort={sort}&{OLD}{filter}");
            assert_eq!(read(&mut conn, &text), Ok(20), "{text}");
        }
    }
    let newest = "updated_after=2020-09-13T12:30:00Z";
    for (text, expected) in [
        ("", 10_800),
        (OLD, 5130),
        ("published_after=2020-09-13T12:00:00Z", 10_800),
        (&format!("published_after=2020-09-13T12:00:00Z&{newest}"), 10_797),
        (&format!("{OLD}&q=even"), 2280),
        ("tag=odd", 6000),
        (&format!("tag=odd&tag=old&{OLD}"), 3850),
        (&format!("author=bob&{newest}"), 1200),
        ("tag=odd&author=bob&q=all", 1200),
    ] {
        assert_eq!(total(&mut conn, text), Ok(expected), "{text}");
    }
}

/// The number of rows of `posts` that PostgreSQL reads for `work`.
pub(crate) fn rows_read(conn: &mut Connection, work: impl FnOnce(&mut Connection) -> QueryResult<()>) -> i64 {
    let rows: Result<i64, diesel::result::Error> = conn.transaction(|conn| {
        let before = count_rows_read(conn)?;
        work(conn)?;
        Ok(count_rows_read(conn)? - before)
    });
    rows.unwrap()
}

/// The rows that PostgreSQL has read since it last published its counters. It counts a row that it finds in an index
/// for the index.
fn count_rows_read(conn: &mut Connection) -> QueryResult<i64> {
    let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
    let rows = "(SELECT sum(pg_stat_get_xact_tuples_fetched(oid) + pg_stat_get_xact_tuples_returned(oid) \
                * (relkind = 'r')::int)::bigint FROM pg_class WHERE oid = 'posts'::regclass \
                OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'posts'::regclass))";
    diesel::select(diesel::dsl::sql::<BigInt>(rows)).get_result(conn)
}

fn filled_postgres() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    fill(&mut database.connect());
    let invisible = "SELECT (relpages - relallvisible)::bigint AS number FROM pg_class WHERE oid = 'posts'::regclass";
    let began = Instant::now();
    // Moves the pending list of the search index into the index, and marks all rows as visible. A session that another
    // test is opening can prevent the latter.
    loop {
        database.execute("VACUUM ANALYZE posts");
        if database.query_number(invisible) == 0 {
            return Some(database);
        }
        assert!(began.elapsed() < WAIT_LIMIT, "timed out: VACUUM does not mark all rows as visible");
    }
}

#[test]
fn postgres_rejects_posts_without_reading_their_rows() {
    let Some(database) = filled_postgres() else { return };
    let mut conn = database.connect();
    for sort in SORTS {
        for labels in ["", "&tag=odd", "&author=ann", "&tag=odd&tag=old&author=bob&author=ann", "&tag=old&author=ann"] {
            let text = format!("sort={sort}&{OLD}{labels}");
            let rows = rows_read(&mut conn, |conn| read(conn, &text).map(|posts| assert_eq!(posts, 20)));
            assert!(rows < 100, "{text}: {rows} rows");
        }
    }
    let text = format!("{OLD}&updated_after=2020-09-13T12:30:00Z");
    let rows = rows_read(&mut conn, |conn| total(conn, &text).map(drop));
    assert!(rows < 100, "{text}: {rows} rows");
}

/// The planner assumes that words are independent of each other, and expects a quarter of the posts to match.
#[test]
fn postgres_search_reads_few_posts_if_statistics_mislead() {
    let Some(database) = filled_postgres() else { return };
    let mut conn = database.connect();
    for search in ["q=even+odd", "q=early+late&sort=title", "q=early+late&sort=-published_at", "q=even+odd+all&sort=id"]
    {
        let rows = rows_read(&mut conn, |conn| read(conn, search).map(|posts| assert_eq!(posts, 0)));
        assert!(rows < 300, "{search}: {rows} rows");
    }
    // No post has the labels and the words. To test each post with the labels would read 6,000 posts.
    for (text, most) in
        [("q=few8&tag=odd&sort=title", 1300), ("q=even+odd&author=ann&sort=-id", 1300), ("tag=odd&author=ann", 10)]
    {
        let rows = rows_read(&mut conn, |conn| read(conn, text).map(|posts| assert_eq!(posts, 0, "{text}")));
        assert!(rows < most, "{text}: {rows} rows");
    }
    // Each post has the word in its title, so no post is in the second tier of the list.
    let mut query = ListRequest::parse("q=title").unwrap().query;
    query.position = Some(list::query::CursorPosition {
        backwards: false,
        is_other_tier: true,
        key: list::query::SortKey::Id,
        id: 1_000_000,
    });
    let rows = rows_read(&mut conn, |conn| {
        list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(|page| assert_eq!(page.items, []))
    });
    assert!(rows < 300, "{rows} rows");
}

/// Splitting a text into words takes milliseconds for a long post, and anonymous clients can search.
#[on_both]
async fn phrase_search_does_not_split_long_posts_again(api: Api) {
    let words: Vec<String> = (0..20_000).map(|n| format!("w{}", n % 700)).collect();
    let posts: Vec<_> = (1..=3)
        .map(|id| json!({"id": id, "title": "Long", "content": words.join(" ") + " end", "published": true}))
        .collect();
    api.server.database.import(&posts);
    if api.engine() == Engine::Postgres {
        api.server.database.execute(
            "CREATE OR REPLACE FUNCTION posts_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT \
             RETURN (1 / 0)::text",
        );
    }
    for (q, found) in [("w7 w8", 3), ("w8 w7", 0), ("w699 w0", 3), ("w0 w699", 0), ("w399 end", 3), ("w4 end", 0)] {
        for list in ["sort=title&count=exact", "sort=-id&view=summary", "sort=relevance"] {
            let page = api.get(&format!("/api/posts?q=%22{}%22&{list}", q.replace(' ', "+"))).await.json(200);
            assert_eq!(ids(&page).len(), found, "{q} {list}");
        }
    }
}

/// Inserts published posts without the triggers of the search index, which take minutes for this many.
fn insert_quickly(api: &Api, posts: usize) {
    let mut conn = api.server.database.connect();
    let sql = match api.engine() {
        Engine::Sqlite => {
            execute(&mut conn, "DROP TRIGGER posts_search_insert");
            format!(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {posts})
                     INSERT INTO posts (slug, title, published) SELECT 'post-' || n, 'Post', TRUE FROM n"
            )
        }
        Engine::Postgres => {
            execute(&mut conn, "ALTER TABLE posts DISABLE TRIGGER USER");
            format!(
                "INSERT INTO posts (slug, title, published, search)
                     SELECT 'post-' || n, 'Post', TRUE, '' FROM generate_series(1, {posts}) AS n"
            )
        }
    };
    execute(&mut conn, &sql);
    if api.engine() == Engine::Postgres {
        execute(&mut conn, "ALTER TABLE posts ENABLE TRIGGER USER");
    }
}

#[on_both]
async fn exact_total_without_a_key_is_exact_up_to_100_000(api: Api) {
    insert_quickly(&api, 100_000);
    let path = "/api/posts?limit=1&view=summary&count=exact";
    let page = api.get(path).await.json(200);
    assert_eq!((&page["total"], &page["total_is_estimate"]), (&json!(100_000), &json!(false)));
    api.create(json!({"title": "One more", "published": true})).await;
    let page = api.get(path).await.json(200);
    assert_eq!(page["total_is_estimate"], true);
    let estimate = page["total"].as_i64().unwrap();
    assert!((100_001..110_000).contains(&estimate), "{estimate}");
    let page = api.reader().get(path).await.json(200);
    assert_eq!((&page["total"], &page["total_is_estimate"]), (&json!(100_001), &json!(false)));
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The query plans of the statements that find the posts of a page, joined by `;`.
fn sqlite_plans(conn: &mut Connection, text: &str) -> String {
    let (page, statements) = statements::capture(conn, |conn| read(conn, text));
    page.unwrap();
    let Backend::Sqlite(conn) = &mut conn.backend else { unreachable!() };
    let selects = statements.iter().filter(|sql| sql.starts_with("SELECT") && sql.contains("ORDER BY"));
    let plan = |sql: &String| {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
        steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join(", ")
    };
    selects.map(plan).collect::<Vec<_>>().join("; ")
}

#[test]
fn sqlite_reads_filtered_lists_from_the_expected_index() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    fill(&mut database.connect());
    let mut conn = database.connect();
    let (narrow, sorted) = ("published_before=2020-09-13T13:00:00Z", "USE TEMP B-TREE");
    for has_statistics in [true, false] {
        if !has_statistics {
            execute(&mut conn, "DELETE FROM sqlite_stat1");
            conn = database.connect();
        }
        for (text, index, is_sorted) in [
            (format!("sort=-id&{OLD}"), "INDEX posts_published_id (published=?)", false),
            (format!("sort=title&{OLD}"), "INDEX posts_published_title (published=?)", false),
            (format!("sort=-updated_at&{OLD}"), "INDEX posts_published_updated_at (published=?)", false),
            (format!("sort=-published_at&{OLD}"), "INDEX posts_published_published_key (published=? AND", false),
            (format!("sort=-id&{narrow}"), "INDEX posts_published_published_key (published=? AND", true),
            (format!("sort=title&{narrow}&q=all"), "INDEX posts_published_published_key (published=? AND", true),
            (
                format!("sort=-published_at&{narrow}&updated_after=2001-01-01T00:00:00Z"),
                "INDEX posts_published_published_key (published=? AND",
                false,
            ),
            ("sort=-id&slug=post-1&slug=post-2".into(), "INDEX sqlite_autoindex_posts_1 (slug=?)", true),
            ("q=all".into(), "SCAN posts_search VIRTUAL TABLE INDEX 192:M2, SEARCH posts USING INTEGER", false),
            ("q=all&sort=id".into(), "SCAN posts_search VIRTUAL TABLE INDEX 64:M2, SEARCH posts USING INTEGER", false),
            (
                "q=few7&sort=title".into(),
                "SCAN posts_search VIRTUAL TABLE INDEX 0:M2, SEARCH posts USING INTEGER",
                true,
            ),
            ("q=all&sort=title".into(), "INDEX posts_published_title (published=?)", false),
            (format!("q=all&sort=-id&{OLD}"), "INDEX posts_published_id (published=?)", false),
        ] {
            let plans = sqlite_plans(&mut conn, &text);
            assert!(plans.contains(index), "{text}: {plans}");
            assert_eq!(plans.contains(sorted), is_sorted, "{text}: {plans}");
        }
    }
}
