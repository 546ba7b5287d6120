//! Query plans of lists with tags and authors, and of the triggers that maintain `post_labels`. Every index of that
//! table begins with the same columns, so a planner without statistics can easily choose the wrong one.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use posts_api::db::{Backend, Connection};
use posts_api::posts::list::params::ListRequest;

use super::query_plans::{SORTS, capture_list, plan};
use crate::support::database::execute;
use crate::support::{Engine, TestDatabase, on_both};

/// Inserts 6,000 posts, a third of them drafts.
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
        "INSERT INTO posts (slug, title, published, published_at, updated_at, tags, authors)
         {numbers} SELECT 'post-' || n, 'Title ' || (n % 2000), n % 3 <> 0, {time}, {time},
         CASE WHEN n % 500 = 1 THEN '[\"common\", \"rare\"]'
              WHEN n < 1000 THEN '[\"common\", \"old\"]' ELSE '[\"common\"]' END,
         CASE WHEN n % 2 = 0 THEN '[\"ann\"]' ELSE '[\"bob\"]' END FROM n"
    );
    execute(conn, &sql);
}

/// Runs `check` without and with statistics.
fn with_and_without_statistics(database: &TestDatabase, mut check: impl FnMut(&mut Connection)) {
    database.migrate();
    fill(&mut database.connect());
    check(&mut database.connect());
    database.execute("ANALYZE");
    check(&mut database.connect());
}

/// The name of the index of a sort order, as plans show it, and its condition.
fn index(engine: Engine, sort: &str) -> &'static str {
    match (engine, sort.trim_start_matches('-')) {
        (Engine::Sqlite, "id") => {
            "SEARCH post_labels USING PRIMARY KEY (kind=? AND published=? AND label=? AND sortable=?"
        }
        (Engine::Sqlite, "published_at") => {
            "SEARCH post_labels USING COVERING INDEX post_labels_published_key (kind=? AND published=? AND label=?"
        }
        (Engine::Sqlite, "updated_at") => {
            "SEARCH post_labels USING COVERING INDEX post_labels_updated_at (kind=? AND published=? AND label=?"
        }
        (Engine::Sqlite, _) => {
            "SEARCH post_labels USING COVERING INDEX post_labels_title (kind=? AND published=? AND label=?"
        }
        (Engine::Postgres, "id") => "using post_labels_pkey on post_labels",
        (Engine::Postgres, "published_at") => "using post_labels_published_key on post_labels",
        (Engine::Postgres, "updated_at") => "using post_labels_updated_at on post_labels",
        (Engine::Postgres, _) => "using post_labels_title on post_labels",
    }
}

/// A list of drafts also reads the drafts that are not in the sort indexes, by primary key.
#[track_caller]
fn assert_ranges(conn: &mut Connection, sql: &str, sort: &str, labels: usize, context: &str) {
    let engine = if matches!(conn.backend, Backend::Sqlite(_)) { Engine::Sqlite } else { Engine::Postgres };
    let plan = plan(conn, sql);
    let unsorted = sql.matches("post_labels.sortable = FALSE").count();
    assert!([0, labels].contains(&unsorted), "{context}\n{sql}");
    let by_key = match engine {
        Engine::Sqlite => plan.matches(index(engine, "id")).count(),
        Engine::Postgres => plan.matches("AND (sortable = ").count(),
    };
    let expected = if sort.ends_with("id") { labels + unsorted } else { unsorted };
    assert_eq!(by_key, expected, "{context}\n{sql}\n{plan}");
    if !sort.ends_with("id") {
        assert_eq!(plan.matches(index(engine, sort)).count(), labels, "{context}\n{sql}\n{plan}");
    }
    let lookups = ["SEARCH posts USING INTEGER PRIMARY KEY", "Index Cond: (id = ANY", "AND (id = ANY"];
    assert!(lookups.iter().any(|lookup| plan.contains(lookup)), "{context}\n{sql}\n{plan}");
    for operation in ["Seq Scan", "SCAN post_labels", "SCAN posts"] {
        assert!(!plan.contains(operation), "{context}: {operation}\n{sql}\n{plan}");
    }
    if unsorted == 0 {
        assert!(!plan.contains("Bitmap Heap Scan on post_labels"), "{context}\n{sql}\n{plan}");
    }
    if labels == 1 && unsorted == 0 {
        // Only the posts of the page are sorted.
        assert!(!plan.contains("Sort Key: post_labels"), "{context}\n{sql}\n{plan}");
        assert!(plan.matches("TEMP B-TREE").count() <= 1, "{context}\n{sql}\n{plan}");
    }
}

#[on_both]
async fn label_page_is_one_index_range_per_label(database: TestDatabase) {
    with_and_without_statistics(&database, |conn| {
        for sort in SORTS {
            for (filter, labels, statements_of_page) in [
                ("tag=common", 1, 1),
                ("tag=rare", 1, 1),
                ("tag=old", 1, 1),
                ("author=ann", 1, 1),
                ("tag=common&tag=old&tag=rare", 3, 1),
                ("author=ann&author=bob&published=any", 2, 2),
                ("tag=common&published=any", 1, 2),
            ] {
                let text = format!("{filter}&sort={sort}&limit=4&view=summary");
                let mut query = ListRequest::parse(&text).unwrap().query;
                for number in 1..=2 {
                    let (page, statements) = capture_list(conn, &query);
                    assert_eq!((page.items.len(), statements.len()), (4, statements_of_page), "{statements:#?}");
                    for sql in &statements {
                        assert_ranges(conn, sql, sort, labels, &format!("page {number} of {text}"));
                    }
                    query.position = page.next;
                }
            }
        }
    });
}

#[on_both]
async fn tags_of_an_author_are_looked_up_by_primary_key(database: TestDatabase) {
    with_and_without_statistics(&database, |conn| {
        for sort in SORTS {
            let text = format!("tag=common&tag=old&author=ann&sort={sort}&view=summary");
            let (_, statements) = capture_list(conn, &ListRequest::parse(&text).unwrap().query);
            let sql = statements.iter().find(|sql| sql.contains("labeled")).unwrap();
            let plan = plan(conn, sql);
            let lookup = match &conn.backend {
                Backend::Sqlite(_) => {
                    "SEARCH other USING PRIMARY KEY (kind=? AND published=? AND label=? AND sortable=? AND post_id=?)"
                }
                Backend::Postgres(_) => "using post_labels_pkey on post_labels other",
            };
            assert!(plan.contains(lookup), "{text}\n{sql}\n{plan}");
            assert!(!plan.contains("SCAN post_labels"), "{text}\n{sql}\n{plan}");
        }
    });
}

#[on_both]
async fn rare_tag_is_read_before_a_prolific_author(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for (filter, kind) in [("tag=rare&author=ann", 't'), ("tag=common&author=ann", 'a'), ("tag=none&author=ann", 't')] {
        let (_, statements) = capture_list(&mut conn, &ListRequest::parse(filter).unwrap().query);
        let sql = statements.iter().find(|sql| sql.contains("labeled AS MATERIALIZED")).unwrap();
        let scanned = format!(
            "WITH labeled AS MATERIALIZED (SELECT '' AS key, post_labels.post_id AS id FROM post_labels \
             WHERE post_labels.kind = '{kind}'"
        );
        assert!(sql.contains(&scanned), "{filter}\n{sql}");
    }
}

#[derive(QueryableByName)]
struct Trigger {
    #[diesel(sql_type = Text)]
    sql: String,
}

/// Replaces the columns of `old` and `new` by bound values.
fn with_bound_values(statement: &str) -> String {
    let mut words = Vec::new();
    for word in statement.split_inclusive([' ', ',', '(', ')', '\n']) {
        let name = word.trim_end_matches([' ', ',', '(', ')', '\n']);
        let is_row = name.starts_with("old.") || name.starts_with("new.");
        words.push(if is_row { word.replace(name, "?") } else { word.to_owned() });
    }
    words.concat()
}

#[test]
fn sqlite_triggers_look_labels_up_by_primary_key() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    with_and_without_statistics(&database, |conn| {
        let Backend::Sqlite(sqlite) = &mut conn.backend else { unreachable!() };
        let triggers = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'post%_labels%'";
        let triggers: Vec<Trigger> = diesel::sql_query(triggers).load(sqlite).unwrap();
        let mut lookups = 0;
        for Trigger { sql } in triggers {
            let body = sql.split_once("\nBEGIN").unwrap().1.rsplit_once("END").unwrap().0;
            for statement in body.split(';').map(str::trim) {
                if !statement.starts_with("UPDATE") && !statement.starts_with("DELETE") {
                    continue;
                }
                let plan = plan(conn, &with_bound_values(statement));
                let key = if statement.contains("unsorted") {
                    "(kind=? AND published=? AND label=? AND sortable=?)"
                } else {
                    "(kind=? AND published=? AND label=? AND sortable=? AND post_id=?)"
                };
                let lookup = format!("SEARCH post_labels USING PRIMARY KEY {key}");
                assert!(plan.contains(&lookup), "{statement}\n{plan}");
                lookups += 1;
            }
        }
        assert_eq!(lookups, 7);
    });
}

/// The index entries and rows of `post_labels` that PostgreSQL reads for a statement.
fn labels_read(conn: &mut Connection, sql: &str) -> i64 {
    let count = "(SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM pg_class \
                 WHERE oid = 'post_labels'::regclass \
                 OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'post_labels'::regclass))";
    let count = |conn: &mut Connection| {
        let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
        diesel::select(diesel::dsl::sql::<BigInt>(count)).get_result::<i64>(conn)
    };
    let read: Result<i64, diesel::result::Error> = conn.transaction(|conn| {
        let before = count(conn)?;
        execute(conn, sql);
        Ok(count(conn)? - before)
    });
    read.unwrap()
}

/// The plans in use come from the empty table. A plan that reads all posts with the tag would read two million rows.
#[test]
fn postgres_triggers_look_labels_up_by_primary_key() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    let insert = |from: i64, to: i64| {
        format!(
            "INSERT INTO posts (slug, title, tags) SELECT 'post-' || n, 'Title', '[\"a\"]' \
             FROM generate_series({from}, {to}) n"
        )
    };
    for change in ["title = 'New'", "published = TRUE", "tags = '[\"b\"]'", "id = id + 100000"] {
        for round in 0..10 {
            execute(&mut conn, &insert(round, round));
            execute(&mut conn, &format!("UPDATE posts SET {change}"));
            execute(&mut conn, "DELETE FROM posts");
        }
        execute(&mut conn, &insert(1, 2000));
        for statement in [format!("UPDATE posts SET {change}"), "DELETE FROM posts".to_owned()] {
            let read = labels_read(&mut conn, &statement);
            // One insert in 64, at random, counts up to 1,000 drafts.
            assert!(read < 200_000, "{statement}: {read} rows were read");
        }
    }
}
