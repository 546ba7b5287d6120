//! Searches in the posts of the Rust blog: both databases return the same posts in the same order.

use super::search;
use crate::support::{Api, Engine, Fixture, report_skipped};

const QUERIES: &[&str] = &[
    "rust", "RUST", "async", "async await", "\"async await\"", "await async", "\"await async\"", "borrow checker",
    "\"borrow checker\"", "cargo*", "carg*", "c*", "1.0", "\"rust 1.0\"", "rust 1.0", "2024 edition",
    "\"2024 edition\"", "\"the rust team\"", "\"the rust tea\"", "C++", "f32", "u8*", "déjà", "naïve", "naive",
    "Niko Matsakis", "matsakis*", "don't", "dont", "e.g.", "foo::bar", "std::mem::swap", "println!",
    "#[derive(Debug)]", "https://www.rust-lang.org", "\"github com\"", "memory-safe", "memory safe", "not",
    "and or not", "NEAR(a b)", "title:rust", "a & b | !c", "<->", "*", "\"\"", "", "π", "日本語", "the*",
    "\"rust is\" language*", "x86_64", "--edition", "3.14", "impl*  trait", "\"impl trait\"", "zzzzzz", "survey 2018",
    "µ", "½", "ﬁ", "1st", "“quoted”", "'tis", "\"security advisory\" cargo",
];

#[tokio::test]
async fn both_databases_return_equal_results_for_the_rust_blog() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/rust-blog-posts.ndjson");
    let (Some(sqlite), Some(postgres)) = (Api::on(Engine::Sqlite), Api::on(Engine::Postgres)) else { return };
    let Ok(text) = std::fs::read_to_string(FILE) else {
        report_skipped("search in 750 real posts: ../shared/data/rust-blog-posts.ndjson is absent");
        return;
    };
    for api in [&sqlite, &postgres] {
        let mut conn = api.server.database.connect();
        let report =
            posts_api::transfer::import(&mut conn, text.as_bytes(), posts_api::transfer::Options::default(), |_| {})
                .unwrap();
        assert_eq!(report.imported, 750);
    }
    let mut queries_with_matches = 0;
    for q in QUERIES {
        let (on_sqlite, on_postgres) = tokio::join!(search(&sqlite, q), search(&postgres, q));
        assert_eq!(on_sqlite, on_postgres, "{q}");
        queries_with_matches += usize::from(!on_sqlite.is_empty());
    }
    assert!(queries_with_matches > 40, "only {queries_with_matches} queries match a post");
}
