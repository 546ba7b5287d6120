//! A page reads only index entries of published posts, and a page by name only those of its own names.

use diesel::prelude::*;
use diesel::sql_types::Text;
use posts_api::db::{Backend, Connection};
use posts_api::posts::labels::LabelKind;
use posts_api::posts::labels::params::LabelRequest;
use posts_api::posts::labels::query::LabelPosition;
use posts_api::posts::labels::store;

use crate::support::database::execute;
use crate::support::{Engine, TestDatabase, statements};

/// Inserts 6,000 posts with two tags each, a third of them drafts. A tag has from 1 to 2,000 posts.
fn fill(conn: &mut Connection) {
    let numbers = match &mut conn.backend {
        Backend::Sqlite(_) => "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 6000)",
        Backend::Postgres(_) => "WITH n (n) AS (SELECT generate_series(1, 6000))",
    };
    execute(
        conn,
        &format!(
            "INSERT INTO posts (slug, title, published, published_at, tags) {numbers}
             SELECT 'post-' || n, 'Post', n % 3 <> 0, '2026-01-01T00:00:00.000000Z',
                 '[\"common' || (n % 2) || '\", \"rare' || n || '\"]' FROM n"
        ),
    );
    if let Backend::Postgres(_) = &conn.backend {
        execute(conn, "VACUUM ANALYZE post_labels");
    } else {
        execute(conn, "ANALYZE");
    }
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

/// The query strings of a list, and its position.
fn requests() -> Vec<(String, Option<LabelPosition>)> {
    let position = LabelPosition { label: "rare5".into(), posts: 1 };
    let mut requests = Vec::new();
    for query in ["sort=name", "sort=-posts", "sort=name&q=rare", "sort=-posts&q=rare"] {
        requests.push((query.to_owned(), None));
        requests.push((query.to_owned(), Some(position.clone())));
    }
    requests
}

/// The statement that reads the page.
fn statement(conn: &mut Connection, query: &str, position: Option<&LabelPosition>) -> String {
    let mut query = LabelRequest::parse(LabelKind::Tag, query).unwrap().query;
    query.position = position.cloned();
    let (found, mut statements) = statements::capture(conn, |conn| store::read_labels(conn, &query));
    assert_eq!(found.unwrap().0.len(), 20);
    assert_eq!(statements.len(), 1, "{statements:#?}");
    statements.remove(0)
}

fn sqlite_plan(conn: &mut Connection, sql: &str) -> Vec<String> {
    let Backend::Sqlite(conn) = &mut conn.backend else { panic!("this is PostgreSQL") };
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
    steps
        .into_iter()
        .map(|step| step.detail)
        .filter(|detail| detail.contains("post_labels") || detail.contains("B-TREE"))
        .collect()
}

/// The entries of published posts are a range of each index. SQLite names only the columns that it seeks by.
#[test]
fn sqlite_reads_labels_of_published_posts_from_an_index() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for has_statistics in [true, false] {
        if !has_statistics {
            execute(&mut conn, "DELETE FROM sqlite_stat1");
            conn = database.connect();
        }
        for (query, position) in requests() {
            let sql = statement(&mut conn, &query, position.as_ref());
            let plan = sqlite_plan(&mut conn, &sql);
            let [counted, rest @ ..] = plan.as_slice() else { panic!("{query}: no plan") };
            assert!(
                counted.contains("COVERING INDEX") && counted.contains("(kind=? AND published=?"),
                "{query}: {plan:#?}"
            );
            if query.starts_with("sort=name") {
                assert_eq!(counted.contains("AND label>?"), position.is_some() || query.contains("q="), "{plan:#?}");
                assert_eq!(rest.len(), 1, "no step may sort: {plan:#?}");
            }
            let newest = rest.last().unwrap();
            assert!(newest.contains("post_labels_published_key (kind=? AND published=? AND label=?"), "{plan:#?}");
        }
    }
}

#[test]
fn postgres_reads_labels_of_published_posts_from_an_index() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for (query, position) in requests() {
        let sql = statement(&mut conn, &query, position.as_ref());
        let Backend::Postgres(conn) = &mut conn.backend else { unreachable!() };
        let nulls = vec!["NULL"; sql.matches('$').count()].join(", ");
        for setup in ["SET plan_cache_mode = force_generic_plan", "DEALLOCATE ALL", &format!("PREPARE p AS {sql}")] {
            diesel::sql_query(setup).execute(conn).unwrap();
        }
        let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN EXECUTE p({nulls})")).load(conn).unwrap();
        let plan = lines.into_iter().map(|line| line.line).collect::<Vec<_>>().join("\n");
        let newest = "Index Scan Backward using post_labels_published_key";
        assert!(plan.contains(newest), "{query} {position:?}\n{plan}");
        if query.starts_with("sort=name") {
            assert!(plan.contains("Index Only Scan using post_labels_pkey"), "{query} {position:?}\n{plan}");
            for operation in ["Sort", "Seq Scan", "HashAggregate"] {
                assert!(!plan.contains(operation), "{query} {position:?}\n{plan}");
            }
            let condition = "Index Cond: ((kind = $3) AND (published = $4)";
            assert!(plan.contains(condition), "{query} {position:?}\n{plan}");
        }
    }
}
