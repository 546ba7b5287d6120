//! The limit on requests with invalid keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use posts_api::config::RateLimit;
use serde_json::json;

use super::rate_limits::{UNLIMITED, assert_limited, from, per_hour, start};
use crate::support::{Engine, TestDatabase, on_both, wait_until};

fn failures(count: u32) -> RateLimit {
    RateLimit { reads: UNLIMITED, writes: UNLIMITED, failures: per_hour(count) }
}

#[on_both]
async fn guessed_keys_are_limited_and_valid_keys_are_not(database: TestDatabase) {
    let api = start(database, failures(3));
    let (reader, editor) = (api.reader(), api.editor());
    let guess = |number: usize| api.with_key(&format!("posts_guess{number}"));
    for number in 0..3 {
        guess(number).get("/api/posts").await.problem(401, "key_invalid");
    }
    assert_limited(guess(3).get("/api/posts").await, "failures", 3);
    assert_limited(guess(4).post("/api/posts", &json!({})).await, "failures", 3);
    // Valid keys work, whether they were used before or not.
    for client in [&reader, &editor, &api.admin(), &reader] {
        client.get("/api/posts").await.expect(200);
    }
    // Anonymous requests and other addresses are not limited.
    api.get("/api/posts").await.expect(200);
    from(editor.get("/api/posts"), "192.0.2.1").await.expect(200);
    editor.get("/api/posts").await.expect(200);
    from(guess(5).get("/api/posts"), "192.0.2.1").await.problem(401, "key_invalid");
    if api.engine() == Engine::Postgres {
        api.server.database.destroy();
        for client in [&reader, &guess(6)] {
            client.get("/api/posts").await.expect(503);
        }
    }
}

/// Clients behind one address send invalid keys without pause, and one sends a valid key for the first time.
#[on_both]
async fn key_guessing_does_not_lock_out_a_valid_key(database: TestDatabase) {
    let api = start(database, failures(20));
    let admin = api.admin();
    let key = async |name: &str, expires_at: Option<&str>| {
        let body = json!({"name": name, "role": "editor", "expires_at": expires_at});
        let created = admin.post("/api/keys", &body).await.json(201);
        (created["id"].clone(), api.with_key(created["key"].as_str().unwrap()))
    };
    let mut unused = Vec::new();
    for number in 0..20 {
        unused.push(key(&format!("unused {number}"), None).await.1);
    }
    let (id, revoked) = key("revoked", None).await;
    admin.delete(&format!("/api/keys/{id}")).await.expect(204);
    let is_over = Arc::new(AtomicBool::new(false));
    let guessers: Vec<_> = (0..20)
        .map(|guesser| {
            let (api, is_over) = (api.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut statuses = BTreeSet::new();
                for number in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    statuses.insert(api.with_key(&format!("wrong {guesser} {number}")).get("/api/posts").await.status);
                }
                statuses
            })
        })
        .collect();
    wait_until("the limit to be exceeded", async || api.with_key("wrong").get("/api/posts").await.status == 429).await;
    for (number, client) in unused.iter().enumerate() {
        client.post("/api/posts", &json!({"title": format!("Post {number}")})).await.expect(201);
    }
    assert_limited(revoked.get("/api/posts").await, "failures", 20);
    is_over.store(true, Ordering::Relaxed);
    let mut statuses = BTreeSet::new();
    for guesser in guessers {
        statuses.extend(guesser.await.unwrap());
    }
    assert!(statuses.contains(&429) && statuses.is_subset(&BTreeSet::from([401, 429])), "{statuses:?}");
}

#[on_both]
async fn revoked_key_counts_as_a_failure(database: TestDatabase) {
    let api = start(database, failures(1));
    let created = api.admin().post("/api/keys", &json!({"name": "ci", "role": "reader"})).await.json(201);
    let revoked = api.with_key(created["key"].as_str().unwrap());
    revoked.get("/api/posts").await.expect(200);
    api.admin().delete(&format!("/api/keys/{}", created["id"])).await.expect(204);
    revoked.get("/api/posts").await.problem(401, "key_invalid");
    assert_limited(revoked.get("/api/posts").await, "failures", 1);
    // A valid key that was used before still works.
    api.admin().get("/api/keys").await.expect(200);
}
