//! Slugs that PostgreSQL generates for external writers, compared with those of the service: `posts_slug`,
//! `posts_numbered_slug`, and `posts_fill_slug` of the migration `track_changes` repeat src/posts/slug.rs in SQL.

use std::collections::HashSet;
use std::convert::Infallible;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use posts_api::db::Backend;
use posts_api::posts::slug;

use crate::support::{Engine, TestDatabase};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    slug: String,
}

/// Inserts posts without slugs, and returns the slugs that PostgreSQL filled in.
fn insert<'a>(database: &TestDatabase, titles: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut conn = database.connect();
    let Backend::Postgres(conn) = &mut conn.backend else { panic!("this is SQLite") };
    let insert = |conn: &mut PgConnection, title: &str| -> QueryResult<String> {
        let query = sql_query("INSERT INTO posts (title) VALUES ($1) RETURNING slug").bind::<Text, _>(title);
        query.get_result::<Row>(conn).map(|row| row.slug)
    };
    conn.transaction(|conn| titles.into_iter().map(|title| insert(conn, title)).collect::<QueryResult<_>>()).unwrap()
}

/// The characters beyond ASCII that SQL and Rust transliterate alike.
fn supported() -> impl Iterator<Item = char> {
    ('\u{80}'..='\u{17f}').chain('\u{1ea0}'..='\u{1ef9}').chain('\u{2010}'..='\u{2027}').chain(['€', '™'])
}

/// 500 titles, the same at each run: one per supported character, then pseudo-random ones. Some of these are
/// decomposed, longer than the limit, repeated, or without any letter.
fn titles() -> Vec<String> {
    let mut titles: Vec<String> = (' '..='~').chain(supported()).map(|c| format!("a{c}b")).collect();
    let supported: Vec<char> = supported().collect();
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    while titles.len() < 500 {
        let length = [3, 30, 195, 260][titles.len() % 4];
        let mut title = String::new();
        while title.chars().count() < length {
            match below(20) {
                0 => title.push_str(["e\u{301}", "O\u{308}", "\u{f8}\u{301}", "\u{2013}"][below(4)]),
                1..3 => title.push(supported[below(supported.len())]),
                3..5 => title.push(char::from(b"!\"#&'(),-./:;?@[]_`{|}~"[below(23)])),
                5..8 => title.push(' '),
                8..10 => title.push(char::from(b"0123456789"[below(10)])),
                _ => title.push(char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[below(52)])),
            }
        }
        titles.push(match titles.len() % 10 {
            0 => "?!.".repeat(below(5)),
            1 => "x".repeat(198 + below(5)),
            2 => titles[below(titles.len())].to_uppercase(),
            _ => title,
        });
    }
    titles
}

#[test]
fn sql_and_rust_generate_the_same_500_slugs() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let titles = titles();
    assert_eq!(titles.len(), 500);
    let from_sql = insert(&database, titles.iter().map(String::as_str));
    let mut taken = HashSet::new();
    for (title, from_sql) in titles.iter().zip(&from_sql) {
        let is_taken = |slug: &str| Ok::<_, Infallible>(taken.contains(slug));
        let Ok(from_rust) = slug::find_free(&slug::from_title(title), is_taken);
        assert_eq!(from_sql, &from_rust, "{title:?}");
        taken.insert(from_rust);
    }
    let longest = taken.iter().map(String::len).max();
    assert_eq!((taken.len(), longest), (500, Some(200)));
    // The titles cover empty and numbered slugs.
    assert!(taken.iter().any(|slug| slug.starts_with("post-")) && taken.contains("a-b-40"), "{taken:#?}");
}

#[test]
fn sql_drops_characters_that_only_rust_transliterates() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let cases = [
        ("Привет, мир", "privet-mir", "post"),
        ("北京 2008", "bei-jing-2008", "2008"),
        ("Ferris 🦀!", "ferris-crab", "ferris"),
        ("Ɓlog", "blog", "log"),
        ("５０", "50", "post-2"),
    ];
    let from_sql = insert(&database, cases.map(|(title, ..)| title));
    for ((title, from_rust, expected), from_sql) in cases.into_iter().zip(from_sql) {
        assert_eq!((slug::from_title(title).as_str(), from_sql.as_str()), (from_rust, expected), "{title}");
    }
}

/// SQLite has no slug rule in SQL: its triggers cannot change a row before its constraints are checked.
#[test]
fn sqlite_rejects_an_insert_without_slug() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    database.migrate();
    let mut conn = database.connect();
    let Backend::Sqlite(conn) = &mut conn.backend else { panic!("this is PostgreSQL") };
    for title in titles() {
        let error = sql_query("INSERT INTO posts (title) VALUES (?)").bind::<Text, _>(title).execute(conn).unwrap_err();
        assert!(error.to_string().contains("NOT NULL constraint failed: posts.slug"), "{error}");
    }
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts"), 0);
}
