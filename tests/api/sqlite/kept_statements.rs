//! SQLite compiles the statements of frequent searches once per connection.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent};
use posts_api::db::{Backend, Connection};
use posts_api::posts::list;
use posts_api::posts::list::params::ListRequest;
use serde_json::json;

use crate::support::{Engine, TestDatabase};

/// Reads the first two pages of each list. Returns the statements that were executed, and those that were stored.
fn capture(conn: &mut Connection, lists: &[String]) -> (Vec<String>, BTreeSet<String>) {
    let seen = Arc::new(Mutex::new((Vec::new(), BTreeSet::new())));
    let record = {
        let seen = Arc::clone(&seen);
        move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                seen.lock().unwrap().0.push(query.to_string().split(" -- binds").next().unwrap().to_owned());
            }
            InstrumentationEvent::CacheQuery { sql, .. } => drop(seen.lock().unwrap().1.insert(sql.to_owned())),
            _ => {}
        }
    };
    let Backend::Sqlite(sqlite) = &mut conn.backend else { unreachable!() };
    sqlite.set_instrumentation(record);
    for text in lists {
        let mut query = ListRequest::parse(text).unwrap().query;
        let page = list::read_page(conn, &query, list::MAX_PAGE_CONTENT).unwrap();
        assert!(!page.items.is_empty(), "{text}");
        if page.next.is_some() {
            query.position = page.next;
            list::read_page(conn, &query, list::MAX_PAGE_CONTENT).unwrap();
        }
    }
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn searches_share_few_prepared_statements() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let post = |id: i64| {
        let title = if id % 3 == 0 { "Red fox" } else { "Red" };
        json!({"id": id, "slug": format!("post-{id}"), "title": title, "content": "a fox", "published": true})
    };
    database.import(&(1..=12).map(post).collect::<Vec<_>>());
    let mut conn = database.connect();
    let lists = |words: &[&str]| -> Vec<String> {
        let orders = ["", "&sort=-id", "&view=summary", "&published=true"];
        let list = |word: &&str| orders.map(|order| format!("q={word}&limit=5{order}"));
        words.iter().flat_map(list).collect()
    };
    let (_, stored) = capture(&mut conn, &lists(&["fox"]));
    // Full posts and summaries: the first page, the rest of it without its titles, and later pages.
    assert_eq!(stored.len(), 6, "{stored:#?}");
    let (executed, added) = capture(&mut conn, &lists(&["red", "red+fox", "%22red+fox%22", "fo*", "a-fox"]));
    assert_eq!(added, BTreeSet::new());
    let selects: Vec<_> = executed.iter().filter(|sql| sql.starts_with("SELECT")).collect();
    assert!(selects.len() >= 40 && selects.iter().all(|sql| stored.contains(*sql)), "{selects:#?}");
}
