//! Searches: no text causes a syntax error, and a search for the text of a post finds that post.

use std::cell::RefCell;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::posts::list::search::{Search, SearchScope};

thread_local! {
    static DATABASE: RefCell<SqliteConnection> = RefCell::new(open());
}

/// A table with the same tokenizer as the search table in `migrations/sqlite`.
const TABLE: &str = r#"CREATE VIRTUAL TABLE search USING fts5(
    title, content, tokenize = "unicode61 remove_diacritics 2 categories 'L* Nd'"
)"#;

fn open() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(TABLE).unwrap();
    conn
}

fn matches(conn: &mut SqliteConnection, query: &str) -> i64 {
    let count = diesel::dsl::sql::<BigInt>("count(*) FROM search WHERE search MATCH ").bind::<Text, _>(query);
    diesel::select(count).get_result(conn).unwrap()
}

/// Whether the query consists of quoted words, each followed by a colon, and operators.
fn is_tsquery(query: &str) -> bool {
    query.split('\'').enumerate().all(|(index, part)| {
        if index % 2 == 0 {
            part.bytes().all(|byte| b" ()&<->:*!".contains(&byte)) && (index == 0 || part.starts_with(':'))
        } else {
            !part.is_empty() && !part.contains(['\\', '\0', ' '])
        }
    }) && query.split('\'').count() % 2 == 1
}

/// Whether SQLite classifies the character as Rust does. SQLite uses Unicode 6.1 and treats later characters as
/// letters, so this includes only blocks without later additions.
fn is_in_unicode_6_1(c: char) -> bool {
    matches!(c, '\u{1}'..='\u{24f}' | '\u{300}'..='\u{36f}' | 'α'..='ω' | 'Ѐ'..='ӿ' | 'ぁ'..='ゖ' | '一'..='\u{9fa5}')
}

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(search) = Search::parse(text) else { return };
    let fts5 = [SearchScope::Post, SearchScope::Title].map(|scope| search.fts5(scope));
    let not_title = search.fts5(SearchScope::NotTitle);
    for scope in [SearchScope::Post, SearchScope::Title, SearchScope::NotTitle] {
        for has_phrases in [true, false] {
            let tsquery = search.tsquery(scope, has_phrases);
            assert!(is_tsquery(&tsquery), "{tsquery}");
        }
    }
    assert!(search.phrases().all(|phrase| !phrase.contains('\0')));
    DATABASE.with_borrow_mut(|conn| {
        let insert = diesel::sql_query("INSERT INTO search (title, content) VALUES (?, '')").bind::<Text, _>(text);
        if text.chars().all(is_in_unicode_6_1) {
            insert.execute(conn).unwrap();
            for query in &fts5 {
                assert_eq!(matches(conn, query), 1, "{query}");
            }
            assert_eq!(matches(conn, &not_title), 0, "{not_title}");
            conn.batch_execute("DELETE FROM search").unwrap();
        }
        for query in fts5.iter().chain([&not_title]) {
            assert_eq!(matches(conn, query), 0);
        }
    });
}
