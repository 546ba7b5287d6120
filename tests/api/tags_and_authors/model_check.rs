//! Random lists of tags and authors have the names, counts, and order of a model in memory, page by page.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::labels;
use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture};

/// Many are equal without ASCII case.
const NAMES: &[&str] = &["a", "A", "ab", "aB", "b", "B", "É", "é", "z z", "Z z", "日本", "a b", "C++", "c#"];
const PREFIXES: &[&str] = &["", "a", "A", "aB", "z ", "É", "日", "c+", "nothing"];

/// A post. Its time of publication is a day of a month, so that many are equal.
#[derive(Debug, Clone)]
struct Post {
    published: bool,
    published_on: u8,
    tags: Vec<&'static str>,
    authors: Vec<&'static str>,
}

/// The parameters of a list.
#[derive(Debug, Clone)]
struct Query {
    list: &'static str,
    by_posts: bool,
    prefix: &'static str,
    limit: usize,
}

fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Names that differ by more than ASCII case, in any order.
fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(NAMES, 0..=5).prop_shuffle().prop_map(|mut names| {
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(&fold(name)) && {
                seen.push(fold(name));
                true
            }
        });
        names
    })
}

fn posts() -> impl Strategy<Value = Vec<Post>> {
    let post = (any::<bool>(), 1..4_u8, names(), names());
    let post =
        post.prop_map(|(published, published_on, tags, authors)| Post { published, published_on, tags, authors });
    vec(post, 0..25)
}

fn query() -> impl Strategy<Value = Query> {
    (select(&["tags", "authors"][..]), any::<bool>(), select(PREFIXES), 1..6_usize)
        .prop_map(|(list, by_posts, prefix, limit)| Query { list, by_posts, prefix, limit })
}

impl Query {
    /// The whole list.
    fn expected(&self, posts: &[Post]) -> Vec<String> {
        let mut newest_last: Vec<&Post> = posts.iter().filter(|post| post.published).collect();
        // Posts are imported in order of their ids, and the sort is stable.
        newest_last.sort_by_key(|post| post.published_on);
        let mut found: BTreeMap<String, (&str, usize)> = BTreeMap::new();
        for post in newest_last {
            for name in if self.list == "tags" { &post.tags } else { &post.authors } {
                let entry = found.entry(fold(name)).or_insert((name, 0));
                *entry = (name, entry.1 + 1);
            }
        }
        let prefix = fold(self.prefix.trim());
        let mut found: Vec<_> = found.into_iter().filter(|(folded, _)| folded.starts_with(&prefix)).collect();
        if self.by_posts {
            found.sort_by_key(|(_, (_, posts))| std::cmp::Reverse(*posts));
        }
        found.into_iter().map(|(_, (name, posts))| format!("{name} {posts}")).collect()
    }

    fn path(&self, cursor: Option<&str>) -> String {
        let mut text = Serializer::new(format!("/api/{}?limit={}", self.list, self.limit));
        text.extend_pairs(self.by_posts.then_some(("sort", "-posts")));
        text.append_pair("q", self.prefix);
        text.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        text.finish()
    }
}

async fn check_list(api: &Api, posts: &[Post], query: &Query) {
    let expected = query.expected(posts);
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page: Value = api.get(&query.path(cursor.as_deref())).await.json(200);
        let items = labels(&page);
        assert!(items.len() == query.limit || page["next_cursor"].is_null(), "{query:?}");
        found.extend(items);
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert!(found.len() < expected.len(), "the list does not end: {query:?}");
        cursor = Some(next.to_owned());
    }
    assert_eq!(found, expected, "{query:?}");
}

fn check(engine: Engine) {
    let Some(api) = Api::on(engine) else { return };
    // With a key, responses are not cached.
    let (reader, conn) = (api.reader(), RefCell::new(api.server.database.connect()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // No file of past failures: a failure prints its whole case.
    let config = Config { cases: 40, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    TestRunner::new(config)
        .run(&(posts(), vec(query(), 1..6)), |(posts, queries)| {
            execute(&mut conn.borrow_mut(), "DELETE FROM posts");
            let rows = posts.iter().map(|post| {
                let published_at = format!("2026-01-{:02}T12:00:00Z", post.published_on);
                json!({"title": "Post", "published": post.published, "published_at": published_at,
                    "tags": post.tags, "authors": post.authors})
            });
            api.server.database.import(&rows.collect::<Vec<_>>());
            runtime.block_on(async {
                for query in &queries {
                    check_list(&reader, &posts, query).await;
                }
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

mod random_labels_match_the_model {
    use super::*;

    #[test]
    fn sqlite() {
        check(Engine::Sqlite);
    }

    #[test]
    fn postgres() {
        check(Engine::Postgres);
    }
}
