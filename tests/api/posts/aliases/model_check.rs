//! Random creates, renames, publishes, deletes, PUTs, imports, and external writes leave the same redirects as a model
//! in memory.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{assert_flags_match, assert_moved, by_slug};
use crate::support::{Api, Engine, Fixture};

/// Few slugs, so that posts compete for them.
const SLUGS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A step. A number selects a post, modulo the number of posts.
#[derive(Debug, Clone)]
enum Step {
    Create(&'static str, bool),
    Batch(Vec<(&'static str, bool)>),
    Put(&'static str, bool),
    Rename(usize, &'static str),
    RenameAndSet(usize, &'static str, bool),
    SetPublished(usize, bool),
    Delete(usize),
    RenameExternally(usize, &'static str),
    PublishExternally(usize, bool),
    Import(&'static str, bool, Vec<&'static str>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slug = || select(&SLUGS[..]);
    let post = || 0..8_usize;
    let state = || any::<bool>();
    let step = prop_oneof![
        4 => (slug(), state()).prop_map(|(slug, state)| Step::Create(slug, state)),
        1 => vec((slug(), state()), 1..4).prop_map(Step::Batch),
        3 => (slug(), state()).prop_map(|(slug, state)| Step::Put(slug, state)),
        8 => (post(), slug()).prop_map(|(post, slug)| Step::Rename(post, slug)),
        2 => (post(), slug(), state()).prop_map(|(post, slug, state)| Step::RenameAndSet(post, slug, state)),
        4 => (post(), state()).prop_map(|(post, state)| Step::SetPublished(post, state)),
        1 => post().prop_map(Step::Delete),
        3 => (post(), slug()).prop_map(|(post, slug)| Step::RenameExternally(post, slug)),
        2 => (post(), state()).prop_map(|(post, state)| Step::PublishExternally(post, state)),
        2 => (slug(), state(), vec(slug(), 0..4)).prop_map(|(slug, state, old)| Step::Import(slug, state, old)),
    ];
    vec(step, 1..25)
}

#[derive(Debug, Clone)]
struct Post {
    id: i64,
    slug: &'static str,
    published: bool,
    /// The oldest first.
    aliases: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Model(Vec<Post>);

impl Model {
    fn id(&self, post: usize) -> Option<i64> {
        (!self.0.is_empty()).then(|| self.0[post % self.0.len()].id)
    }

    fn with_slug(&self, slug: &str) -> Option<&Post> {
        self.0.iter().find(|post| post.slug == slug)
    }

    /// The post of which the slug is an alias.
    fn owner(&self, slug: &str) -> Option<&Post> {
        self.0.iter().find(|post| post.aliases.contains(&slug))
    }

    /// Removes the alias from the posts that must not have it any more, after a post got the slug or became public.
    fn claim(&mut self, id: i64) {
        let Some(claimant) = self.0.iter().find(|post| post.id == id).cloned() else { return };
        for post in &mut self.0 {
            if claimant.published || post.id == id {
                post.aliases.retain(|alias| *alias != claimant.slug);
            }
        }
    }

    fn create(&mut self, id: i64, slug: &'static str, published: bool) {
        self.0.push(Post { id, slug, published, aliases: Vec::new() });
        self.claim(id);
    }

    fn change(&mut self, id: i64, slug: Option<&'static str>, published: Option<bool>) {
        let post = self.0.iter_mut().find(|post| post.id == id).unwrap();
        let slug = slug.unwrap_or(post.slug);
        if slug != post.slug && post.published {
            post.aliases.push(post.slug);
        }
        post.slug = slug;
        post.published = published.unwrap_or(post.published);
        self.claim(id);
    }

    fn import(&mut self, id: i64, slug: &'static str, published: bool, old: &[&'static str]) {
        self.create(id, slug, published);
        for alias in old {
            let is_live = self.with_slug(alias).is_some_and(|post| post.published || post.id == id);
            if !is_live && self.owner(alias).is_none() {
                self.0.last_mut().unwrap().aliases.push(alias);
            }
        }
    }

    /// The redirects to published posts, in order.
    fn redirects(&self) -> Vec<Value> {
        let published = self.0.iter().filter(|post| post.published);
        let mut redirects: Vec<Value> = published
            .flat_map(|post| post.aliases.iter().map(|from| json!({"from": from, "to": post.slug, "id": post.id})))
            .collect();
        redirects.sort_by_key(|redirect| redirect["from"].as_str().unwrap().to_owned());
        redirects
    }
}

struct Harness {
    api: Api,
    model: Model,
}

impl Harness {
    async fn reset(api: &Api) -> Self {
        api.server.database.execute("DELETE FROM posts");
        let harness = Self { api: api.clone(), model: Model::default() };
        harness.api.wait_for_poll().await;
        harness
    }

    async fn run(&mut self, step: &Step) {
        let editor = self.api.editor();
        let number = |value: &Value| value["id"].as_i64().unwrap();
        match *step {
            Step::Create(slug, published) => {
                let reply =
                    editor.post("/api/posts", &json!({"title": "A", "slug": slug, "published": published})).await;
                if self.model.with_slug(slug).is_some() {
                    reply.problem(409, "slug_taken");
                } else {
                    self.model.create(number(&reply.json(201)), slug, published);
                }
            }
            Step::Batch(ref posts) => self.batch(posts).await,
            Step::Put(slug, published) => {
                let body = json!({"title": "B", "published": published});
                let reply = editor.put(&by_slug(slug), &body).await;
                match self.model.with_slug(slug).map(|post| post.id) {
                    Some(id) => {
                        reply.expect(200);
                        self.model.change(id, None, Some(published));
                    }
                    None => self.model.create(number(&reply.json(201)), slug, published),
                }
            }
            Step::Rename(post, slug) => self.patch(post, Some(slug), None).await,
            Step::RenameAndSet(post, slug, published) => self.patch(post, Some(slug), Some(published)).await,
            Step::SetPublished(post, published) => {
                let Some(id) = self.model.id(post) else { return };
                let action = if published { "publish" } else { "unpublish" };
                editor.post_empty(&format!("/api/posts/{id}/{action}")).await.expect(200);
                self.model.change(id, None, Some(published));
            }
            Step::Delete(post) => {
                let Some(id) = self.model.id(post) else { return };
                editor.delete(&format!("/api/posts/{id}")).await.expect(204);
                self.model.0.retain(|post| post.id != id);
            }
            Step::RenameExternally(post, slug) => {
                let Some(id) = self.model.id(post) else { return };
                if self.model.with_slug(slug).is_none() {
                    self.api.server.database.execute(&format!("UPDATE posts SET slug = '{slug}' WHERE id = {id}"));
                    self.model.change(id, Some(slug), None);
                    self.api.wait_for_poll().await;
                }
            }
            Step::PublishExternally(post, published) => {
                let Some(id) = self.model.id(post) else { return };
                let sql = format!("UPDATE posts SET published = {published} WHERE id = {id}");
                self.api.server.database.execute(&sql);
                self.model.change(id, None, Some(published));
                self.api.wait_for_poll().await;
            }
            Step::Import(slug, published, ref old) => {
                if self.model.with_slug(slug).is_none() {
                    let post = json!({"title": "I", "slug": slug, "published": published, "aliases": old});
                    self.api.server.database.import(&[post]);
                    let id = format!("SELECT id AS number FROM posts WHERE slug = '{slug}'");
                    self.model.import(self.api.server.database.query_number(&id), slug, published, old);
                    self.api.wait_for_poll().await;
                }
            }
        }
    }

    async fn patch(&mut self, post: usize, slug: Option<&'static str>, published: Option<bool>) {
        let Some(id) = self.model.id(post) else { return };
        let mut body = json!({});
        if let Some(slug) = slug {
            body["slug"] = slug.into();
        }
        if let Some(published) = published {
            body["published"] = published.into();
        }
        let reply = self.api.editor().patch(&format!("/api/posts/{id}"), &body).await;
        if slug.and_then(|slug| self.model.with_slug(slug)).is_some_and(|other| other.id != id) {
            reply.problem(409, "slug_taken");
        } else {
            reply.expect(200);
            self.model.change(id, slug, published);
        }
    }

    /// Replaces the posts that have the slugs, and creates the others.
    async fn batch(&mut self, posts: &[(&'static str, bool)]) {
        let mut posts = posts.to_vec();
        posts.sort_unstable();
        posts.dedup_by_key(|(slug, _)| *slug);
        let items: Vec<Value> =
            posts.iter().map(|(slug, published)| json!({"title": "C", "slug": slug, "published": published})).collect();
        let body = json!({"posts": items, "on_conflict": "replace"});
        let results = self.api.editor().post("/api/posts/batch", &body).await.json(200);
        for ((slug, published), result) in posts.into_iter().zip(results["items"].as_array().unwrap()) {
            let id = result["post"]["id"].as_i64().unwrap();
            match self.model.with_slug(slug).map(|post| post.id) {
                Some(existing) => {
                    assert_eq!(existing, id);
                    self.model.change(id, None, Some(published));
                }
                None => self.model.create(id, slug, published),
            }
        }
    }

    /// Compares every slug and the list with the model.
    async fn check(&self) {
        assert_eq!(self.pages().await, json!(self.model.redirects()));
        for slug in SLUGS {
            for (client, sees_drafts) in [(self.api.clone(), false), (self.api.reader(), true)] {
                let sees = |post: &&Post| post.published || sees_drafts;
                let reply = client.get(&by_slug(slug)).await;
                let owner = self.model.owner(slug).filter(sees);
                match (self.model.with_slug(slug).filter(sees), owner) {
                    (Some(post), _) => assert_eq!(reply.json(200)["id"], post.id, "{slug}"),
                    (None, Some(owner)) => drop(assert_moved(reply, owner.slug)),
                    (None, None) => drop(reply.problem(404, "not_found")),
                }
            }
        }
        assert_flags_match(&self.api.server.database);
    }

    /// All redirects, read in pages of two.
    async fn pages(&self) -> Value {
        let mut items = Vec::new();
        let mut path = "/api/redirects?limit=2".to_owned();
        loop {
            let page = self.api.get(&path).await.json(200);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return Value::Array(items) };
            path = format!("/api/redirects?limit=2&cursor={cursor}");
        }
    }
}

fn check(engine: Engine) {
    let Some(api) = Api::on(engine) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // No file of past failures: a failure prints its whole case.
    let config = Config { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            runtime.block_on(async {
                let mut harness = Harness::reset(&api).await;
                for step in &steps {
                    harness.run(step).await;
                    harness.check().await;
                }
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

mod random_changes_match_the_model {
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
