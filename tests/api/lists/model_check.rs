//! Random lists return the same posts in the same order as a model in memory, page by page in both directions, also
//! while posts are inserted and deleted.

use std::collections::BTreeSet;

use posts_api::db::Connection;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::support::database::execute;
use crate::support::{Api, Engine, Fixture, ids};

/// A post. Its times are days of a month, so that many are equal.
#[derive(Debug, Clone)]
struct Post {
    id: i64,
    title: &'static str,
    content: Option<&'static str>,
    published: bool,
    published_on: Option<u8>,
    updated_on: u8,
    tags: Vec<&'static str>,
    authors: Vec<&'static str>,
}

/// The parameters of a list.
#[derive(Debug, Clone)]
struct Query {
    sort: Option<&'static str>,
    published: &'static str,
    ids: Vec<i64>,
    published_after: Option<u8>,
    published_before: Option<u8>,
    updated_after: Option<u8>,
    updated_before: Option<u8>,
    q: Option<Vec<&'static str>>,
    tags: Vec<&'static str>,
    authors: Vec<&'static str>,
    limit: usize,
}

/// A change between two pages: an insert, or the deletion of the post at a position.
#[derive(Debug, Clone)]
enum Event {
    Insert(Post),
    Delete(usize),
}

/// Tags and authors, of which no two are equal except for ASCII case.
const LABELS: &[&str] = &["Rust", "web dev", "É", "é", "C++", "京"];
/// The same in other spellings, and one that no post has.
const SPELLINGS: &[&str] = &["rust", "RUST", "  Web\tDev", "E\u{301}", "e\u{301}", "c++", "京", "none"];

const TITLES: &[&str] = &["a", "a b", "A", "Z", "b a", "ab", "Ä", "ä", "a c", "京", "🦀 a"];
const CONTENTS: &[&str] = &["a", "b c", "c b", "Ab", "a, b; c", "ä-b"];
const SORTS: &[&str] =
    &["-id", "id", "-published_at", "published_at", "-updated_at", "updated_at", "title", "-title", "relevance"];
/// Search terms: words, prefixes, and phrases.
const TERMS: &[&str] = &["a", "b", "c", "AB", "a*", "\"a b\"", "\"b c\"", "ä", "nothing", "-a", "京"];

fn posts(max: usize) -> impl Strategy<Value = Vec<Post>> {
    let labels = || (subsequence(LABELS, 0..3), subsequence(LABELS, 0..2));
    let post =
        (select(TITLES), weighted(0.7, select(CONTENTS)), any::<bool>(), weighted(0.6, 1..5_u8), 1..5_u8, labels());
    let post = post.prop_map(|(title, content, published, published_on, updated_on, (tags, authors))| {
        // A published post has a publication time. A draft has one if it was published before.
        let published_on = published_on.or(published.then_some(1));
        Post { id: 0, title, content, published, published_on, updated_on, tags, authors }
    });
    vec(post, 0..max).prop_map(|mut posts| {
        posts.iter_mut().zip(1..).for_each(|(post, id)| post.id = id);
        posts
    })
}

fn query() -> impl Strategy<Value = Query> {
    let bound = || weighted(0.15, 0..6_u8);
    let filter = (select(&["true", "true", "false", "any"][..]), bound(), bound(), bound(), bound());
    let ids = prop_oneof![2 => Just(Vec::new()), 1 => vec(1..40_i64, 1..60)];
    let q = weighted(0.4, vec(select(TERMS), 1..3));
    let labels = || prop_oneof![2 => Just(Vec::new()), 1 => vec(select(SPELLINGS), 1..4)];
    let query = (weighted(0.7, select(SORTS)), filter, ids, q, 1..10_usize, labels(), labels());
    query.prop_map(|(sort, filter, ids, q, limit, tags, authors)| {
        let (published, published_after, published_before, updated_after, updated_before) = filter;
        let sort = sort.filter(|sort| *sort != "relevance" || q.is_some());
        Query {
            sort,
            published,
            ids,
            published_after,
            published_before,
            updated_after,
            updated_before,
            q,
            tags,
            authors,
            limit,
        }
    })
}

fn time(day: u8) -> String {
    format!("2026-01-{:02}T12:00:00.000000Z", day + 1)
}

/// A label in the form in which it is compared.
fn folded(label: &str) -> String {
    let composed = label.replace("E\u{301}", "É").replace("e\u{301}", "é");
    composed.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// Whether the post has one of the requested labels, or none is requested.
fn has_any(labels: &[&str], requested: &[&str]) -> bool {
    requested.is_empty() || requested.iter().any(|label| labels.iter().any(|other| folded(other) == folded(label)))
}

/// The words of a text, case-folded and without diacritics, as the service documents.
fn words(text: &str) -> Vec<String> {
    let folded = text.to_lowercase().replace('ä', "a");
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether one of the texts contains the term: a word, a prefix, or a phrase.
fn contain(texts: &[&str], term: &str) -> bool {
    let phrase = words(term);
    let matches = |word: &String, expected: &String| {
        if term.ends_with('*') { word.starts_with(expected) } else { word == expected }
    };
    let in_text = |text: &&str| {
        words(text)
            .windows(phrase.len())
            .any(|words| words.iter().zip(&phrase).all(|(word, expected)| matches(word, expected)))
    };
    texts.iter().any(in_text)
}

impl Post {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "slug": format!("post-{}", self.id), "title": self.title, "content": self.content,
            "published": self.published, "published_at": self.published_on.map(time),
            "updated_at": time(self.updated_on),
            "tags": self.tags, "authors": self.authors,
        })
    }
}

impl Query {
    fn query_string(&self) -> String {
        let mut text = Serializer::new(format!("published={}&limit={}", self.published, self.limit));
        text.extend_pairs(self.sort.map(|sort| ("sort", sort)));
        text.extend_pairs(self.ids.iter().map(|id| ("slug", format!("post-{id}"))));
        text.extend_pairs(self.tags.iter().map(|tag| ("tag", tag)));
        text.extend_pairs(self.authors.iter().map(|author| ("author", author)));
        text.extend_pairs(self.q.as_ref().map(|terms| ("q", terms.join(" "))));
        for (name, day) in [
            ("published_after", self.published_after),
            ("published_before", self.published_before),
            ("updated_after", self.updated_after),
            ("updated_before", self.updated_before),
        ] {
            text.extend_pairs(day.map(|day| (name, time(day))));
        }
        text.finish()
    }

    fn matches(&self, post: &Post) -> bool {
        let texts: Vec<&str> = std::iter::once(post.title).chain(post.content).collect();
        (self.published == "any" || self.published == post.published.to_string())
            && (self.ids.is_empty() || self.ids.contains(&post.id))
            && self.published_after.is_none_or(|day| post.published_on.is_some_and(|on| on > day))
            && self.published_before.is_none_or(|day| post.published_on.is_some_and(|on| on < day))
            && self.updated_after.is_none_or(|day| post.updated_on > day)
            && self.updated_before.is_none_or(|day| post.updated_on < day)
            && self.q.iter().flatten().all(|term| contain(&texts, term))
            && has_any(&post.tags, &self.tags)
            && has_any(&post.authors, &self.authors)
    }

    /// The ids of the whole list, in order.
    fn expected(&self, posts: &[Post]) -> Vec<i64> {
        let mut posts: Vec<&Post> = posts.iter().filter(|post| self.matches(post)).collect();
        let sort = self.sort.unwrap_or(if self.q.is_some() { "relevance" } else { "-id" });
        match sort.trim_start_matches('-') {
            "id" => posts.sort_by_key(|post| post.id),
            "published_at" => posts.sort_by_key(|post| (post.published_on, post.id)),
            "updated_at" => posts.sort_by_key(|post| (post.updated_on, post.id)),
            "title" => posts.sort_by_key(|post| (post.title, post.id)),
            _ => {
                let in_title = |post: &Post| self.q.iter().flatten().all(|term| contain(&[post.title], term));
                posts.sort_by_key(|post| (!in_title(post), -post.id));
            }
        }
        if sort.starts_with('-') {
            posts.reverse();
        }
        posts.iter().map(|post| post.id).collect()
    }
}

/// A server and a connection to its database.
struct Harness {
    api: Api,
    conn: Connection,
}

impl Harness {
    fn replace_all(&mut self, posts: &[Post]) {
        execute(&mut self.conn, "DELETE FROM posts");
        self.insert(posts);
    }

    fn insert(&mut self, posts: &[Post]) {
        let lines: String = posts.iter().map(|post| post.to_json().to_string() + "\n").collect();
        let report = posts_api::transfer::import(
            &mut self.conn,
            lines.as_bytes(),
            posts_api::transfer::Options::default(),
            |_| {},
        )
        .unwrap();
        assert_eq!(report.imported, posts.len() as u64);
    }

    async fn page(&self, query: &str, cursor: Option<&str>) -> Value {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        self.api.get(&format!("/api/posts?{query}{cursor}")).await.json(200)
    }
}

/// Checks that every page but the last is full, and that paging back returns the same pages.
async fn check_static(harness: &Harness, posts: &[Post], query: &Query) {
    let (expected, text) = (query.expected(posts), query.query_string());
    let mut pages = vec![harness.page(&format!("{text}&count=exact"), None).await];
    assert_eq!((&pages[0]["total"], &pages[0]["total_is_estimate"]), (&json!(expected.len()), &json!(false)), "{text}");
    assert_eq!(pages[0]["prev_cursor"], Value::Null, "{text}");
    while let Some(cursor) = pages[pages.len() - 1]["next_cursor"].as_str() {
        pages.push(harness.page(&text, Some(cursor)).await);
        assert!(pages.len() <= expected.len(), "the list does not end: {text}");
    }
    let forward: Vec<Vec<i64>> = pages.iter().map(ids).collect();
    let chunks: Vec<Vec<i64>> = expected.chunks(query.limit).map(<[i64]>::to_vec).collect();
    assert_eq!(forward, if chunks.is_empty() { vec![Vec::new()] } else { chunks }, "{text}");

    let mut back = Vec::new();
    let mut cursor = pages[pages.len() - 1]["prev_cursor"].clone();
    while let Some(prev_cursor) = cursor.as_str() {
        let page = harness.page(&text, Some(prev_cursor)).await;
        assert!(page["next_cursor"].is_string(), "{text}");
        cursor = page["prev_cursor"].clone();
        back.push(ids(&page));
        assert!(back.len() < pages.len(), "paging back does not end: {text}");
    }
    back.reverse();
    assert_eq!(back, forward[..forward.len() - 1], "{text}");
}

/// Checks that posts which exist throughout are returned exactly once and in order, and that no post is returned twice.
async fn check_changing(harness: &mut Harness, posts: &[Post], query: &Query, events: &[Event]) {
    let text = query.query_string();
    let mut events = events.iter();
    let mut deleted = BTreeSet::new();
    let mut current = posts.to_vec();
    for direction in ["next_cursor", "prev_cursor"] {
        let expected = query.expected(&current);
        deleted.clear();
        let mut page = harness.page(&text, None).await;
        let mut seen = ids(&page);
        if direction == "prev_cursor" {
            // Start from the last page.
            while let Some(cursor) = page["next_cursor"].as_str() {
                page = harness.page(&text, Some(cursor)).await;
            }
            seen = ids(&page);
            seen.reverse();
        }
        while let Some(cursor) = page[direction].as_str() {
            match events.next() {
                Some(Event::Insert(post)) => {
                    let id = current.iter().map(|post| post.id).max().unwrap_or(0) + 1;
                    current.push(Post { id, ..post.clone() });
                    harness.insert(&current[current.len() - 1..]);
                }
                Some(Event::Delete(number)) if !current.is_empty() => {
                    let post = current.remove(number % current.len());
                    deleted.insert(post.id);
                    execute(&mut harness.conn, &format!("DELETE FROM posts WHERE id = {}", post.id));
                }
                _ => {}
            }
            page = harness.page(&text, Some(cursor)).await;
            let mut items = ids(&page);
            if direction == "prev_cursor" {
                items.reverse();
            }
            seen.extend(items);
        }
        if direction == "prev_cursor" {
            seen.reverse();
        }
        assert_eq!(
            seen.iter().collect::<BTreeSet<_>>().len(),
            seen.len(),
            "a post was returned twice, {direction}: {text}"
        );
        let unchanged = |ids: &[i64]| -> Vec<i64> {
            ids.iter().copied().filter(|id| expected.contains(id) && !deleted.contains(id)).collect()
        };
        assert_eq!(unchanged(&seen), unchanged(&expected), "{direction}: {text}");
    }
}

fn check(engine: Engine) {
    let Some(api) = Api::on(engine) else { return };
    let conn = api.server.database.connect();
    let mut harness = Harness { api: api.reader(), conn };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // No file of past failures: a failure prints its whole case.
    let config = Config { cases: 50, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let event = prop_oneof![
        posts(2).prop_filter_map("one post", |posts| posts.into_iter().next()).prop_map(Event::Insert),
        (0..40_usize).prop_map(Event::Delete),
    ];
    let harness = std::cell::RefCell::new(&mut harness);
    TestRunner::new(config)
        .run(&(posts(40), vec(query(), 1..4), vec(event, 0..12)), |(posts, queries, events)| {
            let mut harness = harness.borrow_mut();
            harness.replace_all(&posts);
            runtime.block_on(async {
                for query in &queries {
                    check_static(&harness, &posts, query).await;
                }
                check_changing(&mut harness, &posts, &queries[0], &events).await;
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

mod random_lists_match_the_model {
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
