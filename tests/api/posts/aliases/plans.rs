//! Redirects are read from indexes, whatever the number of aliases and of drafts.

use posts_api::db::{Backend, Connection};
use posts_api::posts::aliases::lookup;
use posts_api::posts::aliases::lookup::SlugTarget;
use posts_api::posts::store::ReadScope;

use crate::lists::query_plans::plan;
use crate::support::database::execute;
use crate::support::{TestDatabase, on_both, statements};

/// Inserts 2,000 drafts with nine aliases each, and 100 public posts with one. The aliases of the drafts come first in
/// the order of slugs.
fn fill(conn: &mut Connection) {
    let numbers = match &mut conn.backend {
        Backend::Sqlite(_) => "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2100)",
        Backend::Postgres(_) => "WITH n (n) AS (SELECT generate_series(1, 2100))",
    };
    execute(
        conn,
        &format!(
            "INSERT INTO posts (id, slug, title, published) {numbers} SELECT n, 'post-' || n, 'A', n > 2000 FROM n"
        ),
    );
    for round in 0..10 {
        let text = if round == 0 { "z" } else { "a" };
        let posts = if round == 0 { "published" } else { "NOT published" };
        execute(
            conn,
            &format!(
                "INSERT INTO post_aliases (slug, post_id) SELECT '{text}-{round}-' || id, id FROM posts WHERE {posts}"
            ),
        );
    }
    execute(conn, "ANALYZE");
}

#[track_caller]
fn assert_indexed(conn: &mut Connection, sql: &str, index: &str) {
    let plan = plan(conn, sql);
    assert!(plan.contains(index), "{sql}\n{plan}");
    for operation in ["Seq Scan", "Sort", "SCAN post_aliases", "SCAN posts", "SCAN named", "TEMP B-TREE"] {
        assert!(!plan.contains(operation), "{operation}\n{sql}\n{plan}");
    }
}

#[on_both]
async fn pages_skip_the_aliases_of_drafts(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let mut after = None;
    let mut found = 0;
    loop {
        let (page, statements) = statements::capture(&mut conn, |conn| lookup::list(conn, after.as_deref(), 30));
        let (items, next) = page.unwrap();
        found += items.len();
        assert_eq!(statements.len(), 1);
        assert_indexed(&mut conn, &statements[0], "post_aliases_published_slug");
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, 100);
}

#[on_both]
async fn an_old_slug_is_looked_up_by_key(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    for scope in [ReadScope::All, ReadScope::Published] {
        let (target, statements) = statements::capture(&mut conn, |conn| lookup::resolve(conn, "z-0-2001", scope));
        assert!(matches!(target.unwrap(), SlugTarget::Moved(redirect) if redirect.to == "post-2001"));
        assert_eq!(statements.len(), 2);
        let key = if database.engine == crate::support::Engine::Sqlite { "PRIMARY KEY" } else { "post_aliases" };
        assert_indexed(&mut conn, &statements[1], key);
    }
}

/// The lookup of an alias costs nothing if a post has the slug.
#[on_both]
async fn the_slug_of_a_post_takes_one_statement(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let (target, statements) =
        statements::capture(&mut conn, |conn| lookup::resolve(conn, "post-2001", ReadScope::Published));
    assert!(matches!(target.unwrap(), SlugTarget::Post(_)));
    assert_eq!(statements.len(), 1);
}

/// A draft's alias, a draft, and a missing slug take the same statements, so that their number reveals nothing.
#[on_both]
async fn hidden_slugs_take_the_path_of_missing_ones(database: TestDatabase) {
    database.migrate();
    let mut conn = database.connect();
    fill(&mut conn);
    let mut seen = Vec::new();
    for slug in ["a-1-1", "post-1", "missing"] {
        let (target, statements) =
            statements::capture(&mut conn, |conn| lookup::resolve(conn, slug, ReadScope::Published));
        assert_eq!(target.unwrap(), SlugTarget::Missing);
        seen.push(statements);
    }
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[1], seen[2]);
}
