//! PostgreSQL keeps the plans of statements that run often. It plans a statement at each execution if it expects that a
//! plan for the actual values is cheaper, for example because of a bound `LIMIT`.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use posts_api::db::{Backend, Connection, Database, Endpoints, PoolOptions, Timestamp};
use posts_api::http::idempotency_store::{KeyedRequest, begin};
use posts_api::keys;
use posts_api::posts::aliases::lookup;
use posts_api::posts::changes::query::{FeedQuery, FeedStart};
use posts_api::posts::changes::store::read_feed;
use posts_api::posts::labels::LabelKind;
use posts_api::posts::labels::params::LabelRequest;
use posts_api::posts::labels::store::read_labels;
use posts_api::posts::list;
use posts_api::posts::list::count::{self, Count, EXACT_WITHOUT_KEY};
use posts_api::posts::list::params::ListRequest;
use posts_api::posts::list::query::View;
use posts_api::posts::publish;
use posts_api::posts::store::{self, ReadScope};

use crate::lists::query_plans::SORTS;
use crate::lists::work::rows_read;
use crate::support::api::POOL_WAIT;
use crate::support::database::execute;
use crate::support::{Engine, TestDatabase};

/// PostgreSQL plans the first five executions of a prepared statement with the actual values.
pub(super) const EXECUTIONS: usize = 8;

type Read = Box<dyn Fn(&mut Connection) -> QueryResult<()>>;

#[derive(QueryableByName, Debug)]
pub(super) struct Prepared {
    #[diesel(sql_type = Text)]
    pub(super) statement: String,
    #[diesel(sql_type = BigInt)]
    pub(super) generic_plans: i64,
}

/// The statements that this connection has prepared.
pub(super) fn prepared(conn: &mut Connection) -> Vec<Prepared> {
    let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
    diesel::sql_query("SELECT statement, generic_plans FROM pg_prepared_statements").load(conn).unwrap()
}

/// Inserts posts from this number on. Every third one is a draft.
fn insert(conn: &mut Connection, first: i64, last: i64) {
    execute(
        conn,
        &format!(
            "INSERT INTO posts (slug, title, content, published, published_at, updated_at, tags, authors)
             SELECT 'post-' || n, 'Title ' || (n * 7919 % 10007), 'word w' || n, n % 3 <> 0,
                 to_timestamp(1700000000 + n * 6151 % 100003), to_timestamp(1700000000 + n),
                 '[\"common\", \"' || CASE WHEN n % 100 = 1 THEN 'rare' ELSE 'other' END || '\", \"tag-' || n % 300 || '\"]',
                 CASE WHEN n % 2 = 0 THEN '[\"ann\"]' ELSE '[\"bob\"]' END FROM generate_series({first}, {last}) AS n"
        ),
    );
}

pub(super) fn filled() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.migrate();
    insert(&mut database.connect(), 1, 3000);
    database.execute("INSERT INTO post_aliases (slug, post_id) SELECT 'old-' || id, id FROM posts");
    database.execute("ANALYZE");
    Some(database)
}

/// Reads the first two pages of the list.
fn pages(text: String) -> Read {
    Box::new(move |conn| {
        let mut query = ListRequest::parse(&text).unwrap().query;
        query.position = list::read_page(conn, &query, list::MAX_PAGE_CONTENT)?.next;
        assert!(query.position.is_some(), "{text} has one page");
        list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(drop)
    })
}

fn total(text: &'static str, count: Count, max_exact: Option<usize>) -> Read {
    Box::new(move |conn| {
        let filter = ListRequest::parse(text).unwrap().query.filter;
        count::total(conn, &filter, count, max_exact).map(|total| assert!(total.unwrap().posts > 0))
    })
}

fn labels(text: &'static str) -> Read {
    Box::new(move |conn| {
        let mut query = LabelRequest::parse(LabelKind::Tag, text).unwrap().query;
        query.position = read_labels(conn, &query)?.1;
        read_labels(conn, &query).map(drop)
    })
}

/// The reads of requests and of frequent background tasks.
fn reads() -> Vec<(String, Read)> {
    let mut reads: Vec<(String, Read)> = Vec::new();
    for sort in SORTS {
        for options in
            ["limit=1", "limit=20", "limit=30", "limit=100&view=summary", "tag=common", "author=ann&limit=50"]
        {
            reads.push((format!("{options} by {sort}"), pages(format!("sort={sort}&{options}"))));
        }
    }
    for list in [
        "published=any", "published=false&view=summary", "tag=rare&limit=5", "tag=common&published=any", "q=word",
        "q=wor*&view=summary", "q=word&sort=title", "q=word&sort=-published_at&limit=50",
    ] {
        reads.push((list.to_owned(), pages(list.to_owned())));
    }
    reads.push((
        "q=none".into(),
        Box::new(|conn| {
            let query = ListRequest::parse("q=none").unwrap().query;
            list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(drop)
        }),
    ));
    reads.push(("count".into(), total("", Count::Exact, Some(EXACT_WITHOUT_KEY))));
    reads.push(("count with a key".into(), total("published=any", Count::Exact, None)));
    reads.push(("estimated count".into(), total("", Count::Estimated, None)));
    reads.push(("count of a tag".into(), total("tag=common", Count::Exact, Some(EXACT_WITHOUT_KEY))));
    reads.push(("count of a search".into(), total("q=word", Count::Exact, Some(EXACT_WITHOUT_KEY))));
    // A page by number of posts counts all entries. Compared with that, planning takes little time.
    for text in ["sort=name&limit=1", "sort=name", "sort=name&limit=50&q=t"] {
        reads.push((format!("tags {text}"), labels(text)));
    }
    reads.push(("redirects".into(), Box::new(|conn| lookup::list(conn, Some("old-2"), 20).map(drop))));
    for scope in [ReadScope::All, ReadScope::Published] {
        reads.push((format!("{scope:?}"), Box::new(move |conn| store::find(conn, 1, scope).map(drop))));
        let by_slug = move |conn: &mut Connection| lookup::resolve(conn, "old-1", scope).map(drop);
        reads.push((format!("{scope:?} by slug"), Box::new(by_slug)));
    }
    reads.push((
        "first walk of the feed".into(),
        Box::new(|conn| {
            let query = FeedQuery { start: FeedStart::Posts, limit: 20, view: View::Summary };
            read_feed(conn, &query, i64::MAX, list::MAX_PAGE_CONTENT).map(drop)
        }),
    ));
    let now = Timestamp::now();
    reads.push(("API key".into(), Box::new(move |conn| keys::store::find(conn, &[0; 32], now).map(drop))));
    let request = KeyedRequest { caller: 1, key: "key".into(), fingerprint: [0; 32] };
    reads.push(("Idempotency-Key".into(), Box::new(move |conn| begin(conn, &request, now).map(drop))));
    reads.push(("scheduler".into(), Box::new(move |conn| publish::find_due(conn, now, 100).map(drop))));
    reads
}

#[test]
fn frequent_reads_keep_their_plans() {
    let Some(database) = filled() else { return };
    for (name, read) in reads() {
        let mut conn = database.connect();
        for _ in 0..EXECUTIONS {
            read(&mut conn).unwrap();
        }
        let prepared = prepared(&mut conn);
        assert!(!prepared.is_empty(), "{name} has no prepared statement");
        for statement in prepared {
            assert!(statement.generic_plans > 0, "{name}: {statement:#?}");
        }
    }
}

/// These lists are not prepared: how many posts a range, several labels, or a phrase selects depends on the value, and so
/// does the best plan. Their texts also have too many variants.
#[test]
fn reads_with_skewed_filters_are_planned_for_their_values() {
    let Some(database) = filled() else { return };
    let mut conn = database.connect();
    for list in [
        "published_after=2023-11-14T23:00:00Z", "updated_before=2023-11-14T23:00:00Z&sort=title",
        "tag=common&tag=rare", "tag=common&author=ann", "tag=common&q=word", "slug=post-1&slug=post-2", "q=\"word+1\"",
    ] {
        for _ in 0..EXECUTIONS {
            let query = ListRequest::parse(list).unwrap().query;
            list::read_page(&mut conn, &query, list::MAX_PAGE_CONTENT).unwrap();
        }
        let prepared = prepared(&mut conn);
        assert!(prepared.is_empty(), "{list}: {prepared:#?}");
    }
}

/// The generic plan suits frequent and rare words, and words that no post has.
#[test]
fn kept_plan_of_a_search_reads_few_posts() {
    let Some(database) = filled() else { return };
    database.execute("VACUUM ANALYZE posts");
    let mut conn = database.connect();
    let search = |conn: &mut Connection, text: &str| {
        let query = ListRequest::parse(text).unwrap().query;
        list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(|page| page.items.len())
    };
    for _ in 0..EXECUTIONS {
        search(&mut conn, "q=word").unwrap();
    }
    for (text, found) in [("q=word", 20), ("q=w1000", 1), ("q=none", 0)] {
        let read = rows_read(&mut conn, |conn| search(conn, text).map(|posts| assert_eq!(posts, found)));
        assert!(read < 300, "{text}: {read} posts were read");
    }
    assert!(prepared(&mut conn).iter().all(|statement| statement.generic_plans > 0));
}

/// Each prepared statement takes memory of the service and of the server.
#[test]
fn limits_share_prepared_statements() {
    let Some(database) = filled() else { return };
    let mut conn = database.connect();
    for limit in 1..=100 {
        pages(format!("limit={limit}&view=summary"))(&mut conn).unwrap();
        pages(format!("limit={limit}"))(&mut conn).unwrap();
    }
    // Two views, two planned limits, the first page and later ones.
    assert_eq!(prepared(&mut conn).len(), 8);
}

/// A connection prepares 64 forms of lists. When it renews its plans, the forms that are in use then take their place.
#[tokio::test]
async fn many_forms_of_lists_share_a_bounded_cache() {
    let Some(database) = filled() else { return };
    let options = PoolOptions { plan_lifetime: Duration::ZERO, ..PoolOptions::new(1, POOL_WAIT) };
    let connections = Database::new(&database.parsed(), &Endpoints::default(), options).unwrap();
    let lists = |conn: &mut Connection| {
        for sort in SORTS {
            for options in ["limit=20", "limit=100", "limit=20&tag=common", "view=summary", "author=ann"] {
                pages(format!("sort={sort}&{options}"))(conn)?;
            }
        }
        // One more is that which identifies the session.
        Ok(prepared(conn).iter().filter(|prepared| prepared.statement.contains("limited")).count())
    };
    assert_eq!(connections.read_inline(lists).await.unwrap(), 64);
    let list = |conn: &mut Connection| {
        assert!(prepared(conn).is_empty());
        pages("limit=20".into())(conn)?;
        Ok(prepared(conn).len())
    };
    assert_eq!(connections.read_inline(list).await.unwrap(), 2);
}

/// The plan for a table with few posts reads the whole table. PostgreSQL uses it until the statistics change.
#[tokio::test]
async fn plans_follow_the_growth_of_the_table() {
    for (lifetime, has_old_plan) in [(Duration::ZERO, false), (Duration::MAX, true)] {
        let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
        database.migrate();
        database.execute("ALTER TABLE posts SET (autovacuum_enabled = false)");
        insert(&mut database.connect(), 1, 10);
        database.execute("ANALYZE posts");
        let options = PoolOptions { plan_lifetime: lifetime, ..PoolOptions::new(1, POOL_WAIT) };
        let connections = Database::new(&database.parsed(), &Endpoints::default(), options).unwrap();
        let query = ListRequest::parse("sort=title&limit=5").unwrap().query;
        let list = move |conn: &mut Connection| list::read_page(conn, &query, list::MAX_PAGE_CONTENT).map(drop);
        for _ in 0..EXECUTIONS {
            connections.read_inline(list.clone()).await.unwrap();
        }
        insert(&mut database.connect(), 11, 5000);
        let read = connections.read_inline(move |conn| Ok(rows_read(conn, list))).await.unwrap();
        assert_eq!(read > 4000, has_old_plan, "{read} posts were read");
    }
}
