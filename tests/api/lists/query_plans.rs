//! What the databases do for a list: each page of published posts is read from an index, in its order, whether it is
//! the first page or one deep in the list.

use diesel::prelude::*;
use diesel::sql_types::Text;
use posts_api::db::{Backend, Connection, Timestamp};
use posts_api::posts::input::UpdatePost;
use posts_api::posts::list::ListPage;
use posts_api::posts::list::params::ListRequest;
use posts_api::posts::list::query::ListQuery;
use posts_api::posts::{list, publish, store};
use posts_api::resource::versioned::Change;

use crate::support::{Engine, TestDatabase, on_both, statements};

const SORTS: [&str; 8] = ["-id", "id", "-published_at", "published_at", "-updated_at", "updated_at", "title", "-title"];

/// 6,000 posts, of which a third are drafts; times and titles repeat.
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

/// The page, and the SQL that it took.
fn captured(conn: &mut Connection, query: &ListQuery) -> (ListPage, Vec<String>) {
    let (page, statements) = statements::capture(conn, |conn| list::read_page(conn, query));
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

/// What the database says that it will do, whatever the values are.
fn plan(conn: &mut Connection, sql: &str) -> String {
    match &mut conn.backend {
        Backend::Sqlite(conn) => {
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
            steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n")
        }
        Backend::Postgres(conn) => {
            let values = sql.matches('$').count();
            let nulls = vec!["NULL"; values].join(", ");
            diesel::sql_query("SET plan_cache_mode = force_generic_plan").execute(conn).unwrap();
            diesel::sql_query(format!("PREPARE p AS {sql}")).execute(conn).unwrap();
            let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN EXECUTE p({nulls})")).load(conn).unwrap();
            diesel::sql_query("DEALLOCATE p").execute(conn).unwrap();
            lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n")
        }
    }
}

#[track_caller]
fn check(conn: &mut Connection, sql: &str, what: &str) {
    let plan = plan(conn, sql);
    let (wanted, unwanted) = match &mut conn.backend {
        Backend::Sqlite(_) => ("SEARCH posts USING", ["SCAN", "TEMP B-TREE"]),
        Backend::Postgres(_) => ("Index Scan", ["Seq Scan", "Sort"]),
    };
    assert!(plan.contains(wanted), "{what}\n{sql}\n{plan}");
    for unwanted in unwanted {
        assert!(!plan.contains(unwanted), "{what}: {unwanted}\n{sql}\n{plan}");
    }
}

/// With a plan that hangs on what is bound, SQLite parses and plans a prepared statement anew at each run. Whether it does
/// is compiled in (`.cargo/config.toml`): a pattern that is bound lets it read the index, if it may look at it.
#[test]
fn sqlite_plans_a_statement_without_looking_at_what_is_bound() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let mut conn = database.connect();
    let Backend::Sqlite(conn) = &mut conn.backend else { unreachable!() };
    diesel::sql_query("CREATE TABLE words (word text COLLATE NOCASE UNIQUE)").execute(conn).unwrap();
    let plan = |conn: &mut SqliteConnection, pattern: &str| -> String {
        let query = format!("EXPLAIN QUERY PLAN SELECT * FROM words WHERE word LIKE {pattern}");
        let steps: Vec<Step> = diesel::sql_query(query).bind::<Text, _>("abc%").load(conn).unwrap();
        steps.into_iter().map(|step| step.detail).collect()
    };
    // The index would serve. It is named once more so that this one has a bound value, too.
    assert!(plan(conn, "'abc%' AND ?1 = ?1").contains("SEARCH"));
    let bound = plan(conn, "?1");
    assert!(bound.contains("SCAN"), "{bound}");
}

/// A write beside many posts pays for what is merged; see the migration.
#[test]
fn the_search_index_of_sqlite_is_merged_late_and_in_steps() {
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

#[on_both]
async fn every_page_of_every_sort_is_read_from_an_index_in_order(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        for rest in ["", "&view=summary"] {
            let mut query = ListRequest::parse(&format!("sort={sort}&limit=31{rest}")).unwrap().query;
            for number in 1..=6 {
                let (page, statements) = captured(&mut conn, &query);
                assert_eq!(page.items.len(), 31);
                assert_eq!(statements.len(), 1, "{statements:#?}");
                check(&mut conn, &statements[0], &format!("page {number} by {sort}{rest}"));
                query.position = page.next;
                if number == 5 {
                    query.position = page.previous;
                    assert!(query.position.as_ref().is_some_and(|place| place.backwards));
                }
            }
        }
    }
}

#[on_both]
async fn a_list_by_id_does_not_walk_past_the_drafts(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in ["id", "-id"] {
        for filter in ["", "&published=false"] {
            let (_, statements) =
                captured(&mut conn, &ListRequest::parse(&format!("sort={sort}{filter}")).unwrap().query);
            let plan = plan(&mut conn, &statements[0]);
            assert!(plan.contains("posts_published_id"), "{sort}{filter}\n{plan}");
        }
    }
}

#[on_both]
async fn what_is_due_is_found_without_a_walk_through_all_drafts(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    // SQLite plans by statistics only where somebody made them.
    for filled in [false, true] {
        if filled {
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
async fn with_drafts_each_half_of_a_list_is_read_from_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        let mut query = ListRequest::parse(&format!("sort={sort}&limit=31&published=any")).unwrap().query;
        for number in 1..=2 {
            let (page, statements) = captured(&mut conn, &query);
            assert_eq!(statements.len(), 2, "{statements:#?}");
            for sql in &statements {
                check(&mut conn, sql, &format!("page {number} by {sort}"));
            }
            query.position = page.next;
        }
    }
}

#[on_both]
async fn a_list_between_two_times_reads_an_index_and_sorts_no_more_than_it_gives(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let (from, to) = ("2023-11-15T00:00:00Z", "2023-11-16T00:00:00Z");
    for sort in SORTS {
        for column in ["published", "updated"] {
            let text = format!("sort={sort}&{column}_after={from}&{column}_before={to}");
            let (_, statements) = captured(&mut conn, &ListRequest::parse(&text).unwrap().query);
            for sql in &statements {
                if sort.contains(column) {
                    check(&mut conn, sql, &text);
                }
                let plan = plan(&mut conn, sql);
                assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "{text}\n{plan}");
            }
        }
    }
}

#[on_both]
async fn a_list_of_slugs_reads_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for sort in SORTS {
        let text = format!("sort={sort}&slug=post-1&slug=post-2");
        let (_, statements) = captured(&mut conn, &ListRequest::parse(&text).unwrap().query);
        for sql in &statements {
            let plan = plan(&mut conn, sql);
            assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN"), "{text}\n{plan}");
        }
    }
}

#[on_both]
async fn a_search_reads_few_posts_whether_its_word_is_rare_or_common(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    crate::support::database::execute(&mut conn, "UPDATE posts SET content = 'Quixotry' WHERE id = 1");
    // New words wait in a list beside the index, which would be read from its beginning.
    crate::support::database::execute(&mut conn, "VACUUM ANALYZE posts");
    // A word of one post, one of no title and every content, and one of every title.
    for (word, found) in [("quixotry", 1), ("content", 20), ("title", 20)] {
        let query = ListRequest::parse(&format!("q={word}")).unwrap().query;
        let read = conn.transaction(|conn| {
            assert_eq!(list::read_page(conn, &query)?.items.len(), found);
            let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
            let counts = ["fetched", "returned"].map(|how| format!("pg_stat_get_xact_tuples_{how}('posts'::regclass)"));
            diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(&counts.join(" + "))).get_result::<i64>(conn)
        });
        let read: Result<i64, diesel::result::Error> = read;
        let read = read.unwrap();
        assert!((1..200).contains(&read), "{word}: {read} posts were read");
    }
}

#[on_both]
async fn a_search_after_many_writes_reads_a_short_list_of_new_words(database: TestDatabase) {
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
    // The list's 32 pages, and the way down the index.
    assert!(pages.parse::<u32>().unwrap() < 45, "{plan}");
}

#[on_both]
async fn publishing_leaves_the_words_of_a_post_alone(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    database.migrate();
    let mut conn = database.connect();
    crate::support::database::execute(&mut conn, "INSERT INTO posts (title, content) VALUES ('Old', 'words')");
    // Whoever takes words apart fails from here on.
    crate::support::database::execute(
        &mut conn,
        "CREATE OR REPLACE FUNCTION posts_words(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT RETURN (1 / 0)::text",
    );
    let target = publish::PostState::Published { at: None };
    let done = publish::set_state(&mut conn, 1, &None, target, Timestamp::now()).unwrap();
    assert!(matches!(done, Change::Done(post) if post.published));
    let patch = UpdatePost { title: Some("New".into()), ..UpdatePost::default() };
    assert!(store::update(&mut conn, 1, &None, patch, Timestamp::now()).is_err());
}

#[on_both]
async fn a_post_is_found_by_an_index(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let parameter = match &conn.backend {
        Backend::Sqlite(_) => "?",
        Backend::Postgres(_) => "$1",
    };
    for column in ["id", "slug"] {
        check(&mut conn, &format!("SELECT * FROM posts WHERE {column} = {parameter}"), column);
    }
}
