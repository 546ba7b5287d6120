//! Following from no cursor, with random pages and pauses between random changes, ends in exactly the public list.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::{Follower, public_posts, wait_until_settled};
use crate::support::{Api, Engine, Fixture};

/// Each import has another slug.
static IMPORTS: AtomicU64 = AtomicU64::new(0);

/// A step. A number selects a post, or a slug.
#[derive(Debug, Clone)]
enum Step {
    Create(u8, bool),
    Put(u8, bool),
    Rename(u8, u8),
    RenameAndSet(u8, u8, bool),
    SetPublished(u8, bool),
    Delete(u8),
    DeleteAndImport(u8),
    UpdateExternally(u8),
    PublishExternally(u8, bool),
    RenameExternally(u8, u8),
    ChangeIdExternally(u8),
    /// Reads this many pages of this size.
    Follow(u8, u8),
    /// A new client, which begins with the first walk.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0..6_u8;
    let state = any::<bool>;
    let step = prop_oneof![
        6 => (number(), state()).prop_map(|(slug, state)| Step::Create(slug, state)),
        2 => (number(), state()).prop_map(|(slug, state)| Step::Put(slug, state)),
        4 => (number(), number()).prop_map(|(post, slug)| Step::Rename(post, slug)),
        2 => (number(), number(), state()).prop_map(|(post, slug, state)| Step::RenameAndSet(post, slug, state)),
        5 => (number(), state()).prop_map(|(post, state)| Step::SetPublished(post, state)),
        3 => number().prop_map(Step::Delete),
        2 => number().prop_map(Step::DeleteAndImport),
        2 => number().prop_map(Step::UpdateExternally),
        2 => (number(), state()).prop_map(|(post, state)| Step::PublishExternally(post, state)),
        2 => (number(), number()).prop_map(|(post, slug)| Step::RenameExternally(post, slug)),
        1 => number().prop_map(Step::ChangeIdExternally),
        10 => (1..4_u8, 1..5_u8).prop_map(|(pages, limit)| Step::Follow(pages, limit)),
        1 => Just(Step::Restart),
    ];
    vec(step, 1..60)
}

/// Conflicts and missing posts change nothing: the feed must agree with the list, whatever a step has done.
async fn run(api: &Api, follower: &mut Follower, step: &Step) {
    let (editor, database) = (api.editor(), &api.server.database);
    let mut posts: Vec<i64> = Vec::new();
    let all = editor.get("/api/posts?published=any&sort=id&limit=100").await.json(200);
    posts.extend(all["items"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()));
    let id = |post: u8| posts.get(usize::from(post) % posts.len().max(1)).copied().unwrap_or(1);
    let path = |post: u8| format!("/api/posts/{}", id(post));
    let unused = |slug: u8| format!("NOT EXISTS (SELECT 1 FROM posts AS other WHERE other.slug = 's{slug}')");
    match *step {
        Step::Create(slug, published) => {
            let post = json!({"title": "A", "slug": format!("s{slug}"), "published": published});
            editor.post("/api/posts", &post).await;
        }
        Step::Put(slug, published) => {
            let post = json!({"title": "B", "published": published});
            editor.put(&format!("/api/posts/by-slug/s{slug}"), &post).await;
        }
        Step::Rename(post, slug) => drop(editor.patch(&path(post), &json!({"slug": format!("s{slug}")})).await),
        Step::RenameAndSet(post, slug, published) => {
            let body = json!({"slug": format!("s{slug}"), "published": published});
            editor.patch(&path(post), &body).await;
        }
        Step::SetPublished(post, published) => {
            let action = if published { "publish" } else { "unpublish" };
            editor.post_empty(&format!("{}/{action}", path(post))).await;
        }
        Step::Delete(post) => drop(editor.delete(&path(post)).await),
        Step::DeleteAndImport(post) => {
            if editor.delete(&path(post)).await.status == 204 {
                let slug = format!("imported-{}", IMPORTS.fetch_add(1, Ordering::Relaxed));
                database.import(&[json!({"id": id(post), "title": "I", "slug": slug, "published": true})]);
            }
        }
        Step::UpdateExternally(post) => {
            database.execute(&format!("UPDATE posts SET title = title || '!' WHERE id = {}", id(post)));
        }
        Step::PublishExternally(post, published) => {
            database.execute(&format!("UPDATE posts SET published = {published} WHERE id = {}", id(post)));
        }
        Step::RenameExternally(post, slug) => {
            let id = id(post);
            database.execute(&format!("UPDATE posts SET slug = 's{slug}' WHERE id = {id} AND {}", unused(slug)));
        }
        Step::ChangeIdExternally(post) => {
            let id = id(post);
            let unused = format!("NOT EXISTS (SELECT 1 FROM posts AS other WHERE other.id = {id} + 1000000)");
            database.execute(&format!("UPDATE posts SET id = id + 1000000 WHERE id = {id} AND {unused}"));
        }
        Step::Follow(pages, limit) => {
            for _ in 0..pages {
                follower.read(api, limit).await;
            }
        }
        Step::Restart => *follower = Follower::default(),
    }
}

fn check(engine: Engine) {
    let Some(api) = Api::on(engine) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // No file of past failures: a failure prints its whole case.
    let config = Config { cases: 24, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            runtime.block_on(async {
                api.server.database.execute("DELETE FROM posts");
                let mut follower = Follower::default();
                for step in &steps {
                    run(&api, &mut follower, step).await;
                }
                follower.catch_up(&api).await;
                assert_eq!(follower.posts, public_posts(&api).await);
                wait_until_settled(&api).await;
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

mod followers_end_in_the_public_list {
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
