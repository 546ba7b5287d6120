//! Query plans: every list, search, and single read uses an index on both databases, on the first page and deep in a
//! list.

use diesel::prelude::*;
use diesel::sql_types::Text;
use posts_api::db::{Backend, Connection, Timestamp};
use posts_api::posts::input::UpdatePost;
use posts_api::posts::list::ListPage;
use posts_api::posts::list::params::ListRequest;
use posts_api::posts::list::query::ListQuery;
use posts_api::posts::{list, patch as post_patch, publish};
use posts_api::resource::versioned::{Change, Preconditions};

use super::work::rows_read;
use crate::support::{Engine, TestDatabase, on_both, statements};

pub(crate) const SORTS: [&str; 8] =
    ["-id", "id", "-published_at", "published_at", "-updated_at", "updated_at", "title", "-title"];

/// Inserts 6,000 posts, a third of them drafts. Times and titles repeat.
fn fill(conn: &mut Connection) {
    let (numbers, time) = match &mut conn.backend {
        Backend::Sqlite(_) => (
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 6000)",
            "strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + n / 3 * 60, 'unixepoch') || '.000000Z'",
        ),
        Backend::Postgres(_) => {
            ("WITH n (n) AS (SELECT generate_series(1, 6000))", "to_timestamp(1700000000 + n / 3 * 60)")
        }
    };
    let sql = format!(
        "INSERT INTO posts (slug, title, content, published, published_at, updated_at)
         {numbers} SELECT 'post-' || n, 'Title ' || (n % 2000), 'Content', n % 3 <> 0, {time}, {time} FROM n"
    );
    crate::support::database::execute(conn, &sql);
    crate::support::database::execute(conn, "ANALYZE");
}

/// Reads a page, and returns it with its SQL statements.
pub(super) fn capture_list(conn: &mut Connection, query: &ListQuery) -> (ListPage, Vec<String>) {
    let (page, statements) = statements::capture(conn, |conn| list::read_page(conn, query, list::MAX_PAGE_CONTENT));
    (page.unwrap(), statements)
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// The generic query plan, which does not depend on the bound values.
pub(crate) fn plan(conn: &mut Connection, sql: &str) -> String {
    match &mut conn.backend {
        Backend::Sqlite(conn) => {
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
            steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n")
        }
        Backend::Postgres(conn) => {
            let values = sql.matches('$').count();
            let nulls = vec!["NULL"; values].join(", ");
            let arguments = if values == 0 { String::new() } else { format!("({nulls})") };
            diesel::sql_query("SET plan_cache_mode = force_generic_plan").execute(conn).unwrap();
            diesel::sql_query(format!("PREPARE p AS {sql}")).execute(conn).unwrap();
            let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN EXECUTE p{arguments}")).load(conn).unwrap();
            diesel::sql_query("DEALLOCATE p").execute(conn).unwrap();
            lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n")
        }
    }
}

#[track_caller]
fn assert_index_scan(conn: &mut Connection, sql: &str, context: &str) {
    let plan = plan(conn, sql);
    let (required, forbidden) = match &mut conn.backend {
        Backend::Sqlite(_) => ("SEARCH posts USING", ["SCAN", "TEMP B-TREE"]),
        Backend::Postgres(_) => ("Index Scan", ["Seq Scan", "Sort"]),
    };
    assert!(plan.contains(required), "{context}\n{sql}\n{plan}");
    for operation in forbidden {
        assert!(!plan.contains(operation), "{context}: {operation}\n{sql}\n{plan}");
    }
}

/// If SQLite may read bound values while planning, it plans a prepared statement again at each run. A compile-time
/// option (`.cargo/config.toml`) turns that off, which shows in a bound `LIKE` pattern: without its value, no index
/// applies.
#[test]
fn sqlite_plans_without_reading_bound_values() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let mut conn = database.connect();
    let Backend::Sqlite(conn) = &mut conn.backend else { unreachable!() };
    diesel::sql_query("CREATE TABLE words (word text COLLATE NOCASE UNIQUE)").execute(conn).unwrap();
    let plan = |conn: &mut SqliteConnection, pattern: &str| -> String {
        let query = format!("EXPLAIN QUERY PLAN SELECT * FROM words WHERE word LIKE {pattern}");
        let steps: Vec<Step> = diesel::sql_query(query).bind::<Text, _>("abc%").load(conn).unwrap();
        steps.into_iter().map(|step| step.detail).collect()
    };
    // A literal pattern uses the index. `?1 = ?1` gives both queries one bound value.
    assert!(plan(conn, "'abc%' AND ?1 = ?1").contains("SEARCH"));
    let bound = plan(conn, "?1");
    assert!(bound.contains("SCAN"), "{bound}");
}

/// The migration explains the values: each write pays for the merges that it triggers.
#[test]
fn sqlite_search_index_merges_late_and_in_steps() {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        k: String,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        v: i32,
    }
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let settings = "SELECT k, v FROM posts_search_config WHERE k LIKE '%merge' ORDER BY k";
    let settings: Vec<(String, i32)> =
        database.rows::<Setting>(settings).into_iter().map(|setting| (setting.k, setting.v)).collect();
    assert_eq!(settings, [("automerge".to_owned(), 8), ("crisismerge".to_owned(), 64)]);
}

/// A query reads 32 full posts, or down to 29 if other tests read posts of the maximum size at the same time.
const LIMIT: usize = 25;

#[on_both]
async fn every_sorted_page_is_read_from_an_index_in_order(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        for view in ["", "&view=summary"] {
            let mut query = ListRequest::parse(&format!("sort={sort}&limit={LIMIT}{view}")).unwrap().query;
            for number in 1..=6 {
                let (page, statements) = capture_list(&mut conn, &query);
                assert_eq!(page.items.len(), LIMIT);
                assert_eq!(statements.len(), 1, "{statements:#?}");
                assert_index_scan(&mut conn, &statements[0], &format!("page {number} by {sort}{view}"));
                query.position = page.next;
                if number == 5 {
                    query.position = page.previous;
                    assert!(query.position.as_ref().is_some_and(|position| position.backwards));
                }
            }
        }
    }
}

#[on_both]
async fn list_by_id_does_not_scan_drafts(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in ["id", "-id"] {
        for filter in ["", "&published=false"] {
            let (_, statements) =
                capture_list(&mut conn, &ListRequest::parse(&format!("sort={sort}{filter}")).unwrap().query);
            let plan = plan(&mut conn, &statements[0]);
            assert!(plan.contains("posts_published_id"), "{sort}{filter}\n{plan}");
        }
    }
}

#[on_both]
async fn due_posts_are_found_without_scanning_drafts(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    // SQLite has no statistics until ANALYZE runs, so it plans both without and with them.
    for has_statistics in [false, true] {
        if has_statistics {
            fill(&mut conn);
        } else if database.engine == Engine::Postgres {
            continue;
        }
        let (due, statements) = statements::capture(&mut conn, |conn| publish::find_due(conn, Timestamp::now(), 100));
        due.unwrap();
        let plan = plan(&mut conn, &statements[0]);
        assert!(plan.contains("posts_scheduled_for"), "{plan}");
    }
}

#[on_both]
async fn list_with_drafts_reads_each_half_from_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        let mut query = ListRequest::parse(&format!("sort={sort}&limit={LIMIT}&published=any")).unwrap().query;
        for number in 1..=2 {
            let (page, statements) = capture_list(&mut conn, &query);
            assert_eq!(statements.len(), 2, "{statements:#?}");
            for sql in &statements {
                assert_index_scan(&mut conn, sql, &format!("page {number} by {sort}"));
            }
            query.position = page.next;
        }
    }
}

#[on_both]
async fn time_range_is_read_from_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let (from, to) = ("2023-11-15T00:00:00Z", "2023-11-16T00:00:00Z");
    for sort in SORTS {
        for column in ["published", "updated"] {
            let text = format!("sort={sort}&{column}_after={from}&{column}_before={to}");
            let (_, statements) = capture_list(&mut conn, &ListRequest::parse(&text).unwrap().query);
            for sql in statements.iter().filter(|sql| sql.starts_with("SELECT")) {
                if sort.contains(column) {
                    assert_index_scan(&mut conn, sql, &text);
                }
                let plan = plan(&mut conn, sql);
                assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN posts"), "{text}\n{plan}");
            }
        }
    }
}

#[on_both]
async fn slug_filter_is_read_from_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        let text = format!("sort={sort}&slug=post-1&slug=post-2");
        let (_, statements) = capture_list(&mut conn, &ListRequest::parse(&text).unwrap().query);
        for sql in &statements {
            let plan = plan(&mut conn, sql);
            assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "{text}\n{plan}");
        }
    }
}

#[on_both]
async fn search_reads_few_posts_for_rare_and_common_words(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    crate::support::database::execute(&mut conn, "UPDATE posts SET content = 'Quixotry' WHERE id = 1");
    crate::support::database::execute(&mut conn, "UPDATE posts SET content = 'Seldom' WHERE id % 100 = 50");
    // VACUUM moves the GIN index's pending list into the index. A search reads the whole pending list.
    crate::support::database::execute(&mut conn, "VACUUM ANALYZE posts");
    // A word in one post, one in every hundredth post, one in almost every content, and one in every title. A scan in
    // sort order would test about a thousand posts to find twenty with the second one.
    for (word, found) in [("quixotry", 1), ("seldom", 20), ("content", 20), ("title", 20)] {
        let query = ListRequest::parse(&format!("q={word}")).unwrap().query;
        let read = rows_read(&mut conn, |conn| {
            list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(|page| assert_eq!(page.items.len(), found))
        });
        assert!((1..200).contains(&read), "{word}: {read} posts were read");
    }
}

#[on_both]
async fn search_after_many_writes_reads_a_short_pending_list(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
    diesel::sql_query("SET enable_seqscan = off").execute(conn).unwrap();
    let search = "SELECT id FROM posts WHERE search @@ 'quixotry'::tsquery";
    let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN (ANALYZE, BUFFERS) {search}")).load(conn).unwrap();
    let plan = lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n");
    assert!(plan.contains("posts_search"), "{plan}");
    let pages = plan.split(['=', ' ', '\n']).skip_while(|word| *word != "hit").nth(1).unwrap();
    // 32 pages of the pending list, and the descent of the index.
    assert!(pages.parse::<u32>().unwrap() < 45, "{plan}");
}

#[on_both]
async fn publishing_does_not_recompute_search_words(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    crate::support::database::execute(&mut conn, "INSERT INTO posts (title, content) VALUES ('Old', 'words')");
    // From here on, extracting words fails.
    crate::support::database::execute(
        &mut conn,
        "CREATE OR REPLACE FUNCTION posts_ascii_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT \
         RETURN (1 / 0)::text",
    );
    let state = publish::PostState::Published { at: None };
    let change = publish::set_state(&mut conn, 1, &Preconditions::default(), state, Timestamp::now()).unwrap();
    assert!(matches!(change, Change::Done(post) if post.published));
    let patch = UpdatePost { title: Some("New".into()), ..UpdatePost::default() };
    assert!(post_patch::apply(&mut conn, 1, &Preconditions::default(), &patch, Timestamp::now()).is_err());
}

#[on_both]
async fn single_post_is_read_from_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let parameter = match &conn.backend {
        Backend::Sqlite(_) => "?",
        Backend::Postgres(_) => "$1",
    };
    for column in ["id", "slug"] {
        assert_index_scan(&mut conn, &format!("SELECT * FROM posts WHERE {column} = {parameter}"), column);
    }
}
