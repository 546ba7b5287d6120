//! Concurrent `PUT` and `PATCH` requests to one post are linearizable: the responses are explained by one order of the
//! requests, which respects their real-time order.
//!
//! Each change increments the version, and each response contains the version that the request has made or found. So
//! the version is the position in that order.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Api, on_both};

const PATH: &str = "/api/posts/by-slug/page";

#[derive(Debug)]
struct Operation {
    is_patch: bool,
    /// The title that the request sets.
    title: String,
    started: u64,
    ended: u64,
    /// The post in the response.
    post: Value,
}

impl Operation {
    fn version(&self) -> i64 {
        self.post["version"].as_i64().unwrap()
    }
}

/// Sends requests that set one of two titles, so that many of them change nothing.
async fn run(api: &Api, writers: usize, requests: usize) -> Vec<Operation> {
    let clock = AtomicU64::new(0);
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let admin = api.admin();
    let write = async |writer: usize| {
        let mut operations = Vec::new();
        for request in 0..requests {
            let title = ["One", "Two"][(writer + request / 2) % 2].to_owned();
            let is_patch = writer % 4 == 3 && request % 3 == 0;
            let started = tick();
            let reply = if is_patch {
                admin.patch("/api/posts/1", &json!({"title": title})).await
            } else {
                let call = admin.put(PATH, &json!({"title": title, "published": true}));
                // Preconditions that always hold use other statements.
                match writer % 3 {
                    0 => call.await,
                    1 => call.header("if-match", "*").await,
                    _ => call.header("if-none-match", "\"other\"").await,
                }
            };
            operations.push(Operation { is_patch, title, started, ended: tick(), post: reply.json(200) });
        }
        operations
    };
    join_all((0..writers).map(write)).await.into_iter().flatten().collect()
}

#[on_both]
async fn concurrent_puts_and_patches_are_linearizable(api: Api) {
    let created = api.admin().put(PATH, &json!({"title": "One", "published": true})).await.json(201);
    let mut operations = run(&api, 8, 12).await;
    let stored = api.get(PATH).await.json(200);
    operations.push(Operation { is_patch: false, title: "One".into(), started: 0, ended: 0, post: created });
    for operation in &operations {
        assert_eq!(operation.post["title"], operation.title.as_str(), "the response has the requested title");
    }
    let last = operations.iter().map(Operation::version).max().unwrap();
    let mut previous = Value::Null;
    for version in 1..=last {
        let made_or_found: Vec<&Operation> =
            operations.iter().filter(|operation| operation.version() == version).collect();
        assert!(!made_or_found.is_empty(), "no request has made version {version}");
        let post = &made_or_found[0].post;
        assert!(made_or_found.iter().all(|operation| operation.post == *post), "version {version}: {made_or_found:?}");
        let patches = made_or_found.iter().filter(|operation| operation.is_patch).count();
        assert!(patches <= 1, "two patches have made version {version}");
        assert!(patches == 1 || post["title"] != previous["title"], "a PUT without changes has made version {version}");
        previous = post.clone();
    }
    assert_eq!(stored, previous);
    for earlier in &operations {
        for later in operations.iter().filter(|later| later.started > earlier.ended) {
            let is_ordered = later.version() >= earlier.version() + i64::from(later.is_patch);
            assert!(is_ordered, "{later:?} began after {earlier:?}");
        }
    }
    assert!(operations.len() > usize::try_from(last).unwrap(), "some requests changed nothing");
}
