//! Both databases give equal responses to the same sequence of random calls.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, Engine, Fixture, Reply};

#[derive(Debug, Clone)]
enum Role {
    Anonymous,
    Reader,
    Editor,
}

/// A call. A number refers to the post created at that position, which may not exist.
#[derive(Debug, Clone)]
enum Step {
    Create(Value),
    Read(usize, Option<Tag>),
    ReadBySlug(String),
    Patch(usize, Value, Option<Tag>),
    Publish(usize, Option<Tag>),
    Unpublish(usize, Option<Tag>),
    Delete(usize, Option<Tag>),
    List { published: &'static str, limit: u8, paging: Paging },
}

/// A condition: the `ETag` of a version, strong or weak, or `*`.
#[derive(Debug, Clone)]
enum Tag {
    Version(u8),
    Weak(u8),
    Any,
}

/// The cursors to follow after the first page.
#[derive(Debug, Clone, Copy)]
enum Paging {
    FirstPage,
    Next,
    NextAndBack,
}

fn text() -> impl Strategy<Value = String> {
    let known = ["Hello", "hello", "Hello 2", "Über", "!", " ", "", "a\0b", "ß 京 🦀"].map(str::to_owned).to_vec();
    prop_oneof![3 => proptest::sample::select(known), 1 => "(?s).{0,12}"]
}

fn slug() -> impl Strategy<Value = String> {
    let known = ["hello", "hello-2", "hello-3", "uber", "post", "no slug"].map(str::to_owned).to_vec();
    prop_oneof![4 => proptest::sample::select(known), 1 => "[a-z0-9-]{0,6}"]
}

/// An optional field value, mostly of the right type.
fn field(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![4 => value.prop_map(Some), 6 => Just(None), 1 => Just(Some(Value::Null)), 1 => Just(Some(json!(1)))]
}

fn body(title: impl Strategy<Value = Option<Value>>) -> impl Strategy<Value = Value> {
    let fields = (
        title,
        field(slug().prop_map(Value::from)),
        field(text().prop_map(Value::from)),
        field(any::<bool>().prop_map(Value::from)),
    );
    fields.prop_map(|(title, slug, content, published)| {
        let fields = [("title", title), ("slug", slug), ("content", content), ("published", published)];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

fn tag() -> impl Strategy<Value = Option<Tag>> {
    prop_oneof![
        4 => Just(None), 2 => (1u8..5).prop_map(|version| Some(Tag::Version(version))),
        1 => (1u8..3).prop_map(|version| Some(Tag::Weak(version))), 1 => Just(Some(Tag::Any)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let post = 0..6_usize;
    let list = (
        proptest::sample::select(vec!["true", "false", "any", "no"]),
        1u8..5,
        proptest::sample::select(vec![Paging::FirstPage, Paging::Next, Paging::NextAndBack]),
    );
    prop_oneof![
        6 => body(prop_oneof![9 => text().prop_map(|text| Some(text.into())), 1 => Just(None)]).prop_map(Step::Create),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Read(post, tag)),
        2 => slug().prop_map(Step::ReadBySlug),
        4 => (post.clone(), body(field(text().prop_map(Value::from))), tag())
            .prop_map(|(post, body, tag)| Step::Patch(post, body, tag)),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Publish(post, tag)),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Unpublish(post, tag)),
        1 => (post, tag()).prop_map(|(post, tag)| Step::Delete(post, tag)),
        3 => list.prop_map(|(published, limit, paging)| Step::List { published, limit, paging }),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![1 => Just(Role::Anonymous), 1 => Just(Role::Reader), 8 => Just(Role::Editor)]
}

/// A server and the ids of its posts in creation order. The ids differ between the databases, because PostgreSQL's
/// sequences have gaps where SQLite's do not.
struct Backend {
    api: Api,
    ids: Vec<i64>,
    /// The `ETag` of each version that a response had.
    tags: HashMap<(i64, i64), String>,
}

impl Backend {
    /// Deletes all posts.
    async fn reset(api: &Api) -> Self {
        loop {
            let page = api.admin().get("/api/posts?published=any&limit=100").await.json(200);
            let posts = page["items"].as_array().unwrap();
            if posts.is_empty() {
                return Self { api: api.clone(), ids: Vec::new(), tags: HashMap::new() };
            }
            for post in posts {
                api.admin().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
            }
        }
    }

    fn id(&self, post: usize) -> i64 {
        self.ids.get(post).copied().unwrap_or(999_999_999)
    }

    async fn run(&mut self, role: &Role, step: &Step) -> Vec<Value> {
        let api = match role {
            Role::Anonymous => self.api.clone(),
            Role::Reader => self.api.reader(),
            Role::Editor => self.api.editor(),
        };
        let call =
            |method: Method, post: usize, rest: &str| api.call(method, &format!("/api/posts/{}{rest}", self.id(post)));
        let (call, condition) = match step {
            Step::List { published, limit, paging } => return self.list(&api, published, *limit, *paging).await,
            Step::Create(body) => (api.post("/api/posts", body), None),
            Step::ReadBySlug(slug) => (api.get(&format!("/api/posts/by-slug/{slug}")), None),
            Step::Read(post, tag) => (call(Method::GET, *post, ""), Some(("if-none-match", *post, tag))),
            Step::Patch(post, body, tag) => (call(Method::PATCH, *post, "").json(body), Some(("if-match", *post, tag))),
            Step::Publish(post, tag) => (call(Method::POST, *post, "/publish"), Some(("if-match", *post, tag))),
            Step::Unpublish(post, tag) => (call(Method::POST, *post, "/unpublish"), Some(("if-match", *post, tag))),
            Step::Delete(post, tag) => (call(Method::DELETE, *post, ""), Some(("if-match", *post, tag))),
        };
        let reply = match condition {
            Some((name, post, Some(tag))) => call.header(name, &self.tag(post, tag)).await,
            _ => call.await,
        };
        if let (Some(etag), Ok(post)) = (reply.header("etag"), serde_json::from_slice::<Value>(&reply.body)) {
            let version = (post["id"].as_i64().unwrap(), post["version"].as_i64().unwrap());
            let seen = self.tags.entry(version).or_insert_with(|| etag.to_owned());
            assert_eq!(seen, etag, "version {version:?} has two tags");
        }
        if reply.status == 201 {
            self.ids.push(reply.clone().json(201)["id"].as_i64().unwrap());
        }
        vec![self.normalized(&reply)]
    }

    async fn list(&self, api: &Api, published: &str, limit: u8, paging: Paging) -> Vec<Value> {
        let base = format!("/api/posts?published={published}&limit={limit}");
        let mut replies = vec![api.get(&base).await];
        let cursors: &[&str] = match paging {
            Paging::FirstPage => &[],
            Paging::Next => &["next_cursor"],
            Paging::NextAndBack => &["next_cursor", "prev_cursor"],
        };
        for name in cursors {
            let page: Value = serde_json::from_slice(&replies[replies.len() - 1].body).unwrap();
            let Some(cursor) = page[name].as_str() else { break };
            replies.push(api.get(&format!("{base}&cursor={cursor}")).await);
        }
        replies.iter().map(|reply| self.normalized(reply)).collect()
    }

    fn tag(&self, post: usize, tag: &Tag) -> String {
        let of_version = |version: u8| {
            let tag = self.tags.get(&(self.id(post), version.into()));
            tag.cloned().unwrap_or_else(|| "\"unknown\"".to_owned())
        };
        match tag {
            Tag::Version(version) => of_version(*version),
            Tag::Weak(version) => format!("W/{}", of_version(*version)),
            Tag::Any => "*".to_owned(),
        }
    }

    /// The response without what may differ: times, request ids, post ids, cursors, which contain post ids, and tags,
    /// which are hashes of all of this.
    fn normalized(&self, reply: &Reply) -> Value {
        let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        self.normalize_body(&mut body);
        let with_position = |text: &str| {
            self.ids.iter().enumerate().fold(text.to_owned(), |text, (position, id)| {
                if text == format!("/api/posts/{id}") { format!("/api/posts/post {position}") } else { text }
            })
        };
        json!({
            "status": reply.status, "body": body, "etag": reply.header("etag").map(|_| "set"),
            "location": reply.header("location").map(with_position), "content-type": reply.header("content-type"),
        })
    }

    fn normalize_body(&self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.normalize_body(value)),
            Value::Object(object) => {
                for (name, value) in object {
                    let varies = name.ends_with("_at") || name.ends_with("_cursor") || name == "request_id";
                    if varies && value.is_string() {
                        *value = json!("set");
                    } else if name == "id" {
                        *value = json!(self.ids.iter().position(|id| Some(*id) == value.as_i64()));
                    } else {
                        self.normalize_body(value);
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn random_calls_return_equal_responses() {
    let (Some(sqlite), Some(postgres)) = (Api::on(Engine::Sqlite), Api::on(Engine::Postgres)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // No file of past failures: a failure prints its whole case.
    let config = Config { cases: 64, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let calls = proptest::collection::vec((role(), step()), 1..30);
    TestRunner::new(config)
        .run(&calls, |calls| {
            runtime.block_on(async {
                let (mut sqlite, mut postgres) = (Backend::reset(&sqlite).await, Backend::reset(&postgres).await);
                for (role, step) in &calls {
                    let (first, second) = (sqlite.run(role, step).await, postgres.run(role, step).await);
                    prop_assert_eq!(&first, &second, "SQLite and PostgreSQL differ in {:?}", step);
                    for response in &first {
                        prop_assert!(response["status"].as_u64().unwrap() < 500, "{response}");
                    }
                }
                Ok(())
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
