//! Both databases give the same answers: the same random calls, one after the other, to a service on each.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, Engine, Fixture, Reply};

#[derive(Debug, Clone)]
enum Who {
    Anonymous,
    Reader,
    Editor,
}

/// A call; posts are named by the order of their creation, the last number being one that no post has.
#[derive(Debug, Clone)]
enum Step {
    Create(Value),
    Read(usize, Option<Tag>),
    ReadBySlug(String),
    Patch(usize, Value, Option<Tag>),
    Publish(usize, Option<Tag>),
    Unpublish(usize, Option<Tag>),
    Delete(usize, Option<Tag>),
    List { published: &'static str, limit: u8, turn: Turn },
}

#[derive(Debug, Clone)]
enum Tag {
    Version(u8),
    Weak(u8),
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    None,
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

/// A field's value, mostly of its own type.
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
        proptest::sample::select(vec![Turn::None, Turn::Next, Turn::NextAndBack]),
    );
    prop_oneof![
        6 => body(prop_oneof![9 => text().prop_map(|text| Some(text.into())), 1 => Just(None)]).prop_map(Step::Create),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Read(post, tag)),
        2 => slug().prop_map(Step::ReadBySlug),
        4 => (post.clone(), body(field(text().prop_map(Value::from))), tag()).prop_map(|(post, body, tag)| Step::Patch(post, body, tag)),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Publish(post, tag)),
        2 => (post.clone(), tag()).prop_map(|(post, tag)| Step::Unpublish(post, tag)),
        1 => (post, tag()).prop_map(|(post, tag)| Step::Delete(post, tag)),
        3 => list.prop_map(|(published, limit, turn)| Step::List { published, limit, turn }),
    ]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![1 => Just(Who::Anonymous), 1 => Just(Who::Reader), 8 => Just(Who::Editor)]
}

/// A service and the ids of its posts in the order of their creation: PostgreSQL leaves numbers out where SQLite does
/// not, so the ids themselves may differ.
struct World {
    api: Api,
    ids: Vec<i64>,
}

impl World {
    async fn emptied(api: &Api) -> Self {
        loop {
            let page = api.admin().get("/api/posts?published=any&limit=100").await.json(200);
            let posts = page["items"].as_array().unwrap();
            if posts.is_empty() {
                return Self { api: api.clone(), ids: Vec::new() };
            }
            for post in posts {
                api.admin().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
            }
        }
    }

    fn id(&self, post: usize) -> i64 {
        self.ids.get(post).copied().unwrap_or(999_999_999)
    }

    async fn take(&mut self, who: &Who, step: &Step) -> Vec<Value> {
        let api = match who {
            Who::Anonymous => self.api.clone(),
            Who::Reader => self.api.reader(),
            Who::Editor => self.api.editor(),
        };
        let call =
            |method: Method, post: usize, rest: &str| api.call(method, &format!("/api/posts/{}{rest}", self.id(post)));
        let (call, condition) = match step {
            Step::List { published, limit, turn } => return self.list(&api, published, *limit, *turn).await,
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
        if reply.status == 201 {
            self.ids.push(reply.clone().json(201)["id"].as_i64().unwrap());
        }
        vec![self.plain(&reply)]
    }

    async fn list(&self, api: &Api, published: &str, limit: u8, turn: Turn) -> Vec<Value> {
        let base = format!("/api/posts?published={published}&limit={limit}");
        let mut replies = vec![api.get(&base).await];
        let cursors: &[&str] = match turn {
            Turn::None => &[],
            Turn::Next => &["next_cursor"],
            Turn::NextAndBack => &["next_cursor", "prev_cursor"],
        };
        for name in cursors {
            let page: Value = serde_json::from_slice(&replies[replies.len() - 1].body).unwrap();
            let Some(cursor) = page[name].as_str() else { break };
            replies.push(api.get(&format!("{base}&cursor={cursor}")).await);
        }
        replies.iter().map(|reply| self.plain(reply)).collect()
    }

    fn tag(&self, post: usize, tag: &Tag) -> String {
        match tag {
            Tag::Version(version) => format!("\"{}-{version}\"", self.id(post)),
            Tag::Weak(version) => format!("W/\"{}-{version}\"", self.id(post)),
            Tag::Any => "*".to_owned(),
        }
    }

    /// The answer without what may differ: times, ids of requests and of posts, and the cursors, which hold ids.
    fn plain(&self, reply: &Reply) -> Value {
        let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        self.normalize(&mut body);
        let id = |text: &str| {
            self.ids.iter().enumerate().fold(text.to_owned(), |text, (order, id)| {
                let text = text.replace(&format!("\"{id}-"), &format!("\"post {order}-"));
                if text == format!("/api/posts/{id}") { format!("/api/posts/post {order}") } else { text }
            })
        };
        json!({
            "status": reply.status, "body": body, "etag": reply.header("etag").map(id),
            "location": reply.header("location").map(id), "content-type": reply.header("content-type"),
        })
    }

    fn normalize(&self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.normalize(value)),
            Value::Object(object) => {
                for (name, value) in object {
                    let varies = name.ends_with("_at") || name.ends_with("_cursor") || name == "request_id";
                    if varies && value.is_string() {
                        *value = json!("some");
                    } else if name == "id" {
                        *value = json!(self.ids.iter().position(|id| Some(*id) == value.as_i64()));
                    } else {
                        self.normalize(value);
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn the_same_calls_get_the_same_answers_on_both_databases() {
    let (Some(sqlite), Some(postgres)) = (Api::on(Engine::Sqlite), Api::on(Engine::Postgres)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Its file of past failures would be of no use: a case is told in full.
    let config = Config { cases: 64, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let calls = proptest::collection::vec((who(), step()), 1..30);
    TestRunner::new(config)
        .run(&calls, |calls| {
            runtime.block_on(async {
                let mut worlds = (World::emptied(&sqlite).await, World::emptied(&postgres).await);
                for (who, step) in &calls {
                    let answers = (worlds.0.take(who, step).await, worlds.1.take(who, step).await);
                    prop_assert_eq!(&answers.0, &answers.1, "SQLite and PostgreSQL differ in {:?}", step);
                    for answer in &answers.0 {
                        prop_assert!(answer["status"].as_u64().unwrap() < 500, "{answer}");
                    }
                }
                Ok(())
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
