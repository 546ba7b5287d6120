//! The cache: a read that starts after a write was answered shows that write, and drafting empties nothing.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, Engine, TestDatabase, ids, on_both, wait_until};

const ANONYMOUS: [&str; 4] =
    ["/api/posts", "/api/posts?view=summary&limit=5", "/api/posts/1", "/api/posts/by-slug/post-1"];

async fn fill(api: &Api, posts: usize) {
    for number in 1..=posts {
        api.create(json!({"title": format!("Post {number}"), "content": "text ".repeat(400), "published": true})).await;
    }
}

/// Reads that went to the database while `work` ran.
async fn reads(api: &Api, work: impl Future<Output = ()>) -> u64 {
    let before = api.server.cache.reads();
    work.await;
    api.server.cache.reads() - before
}

/// Asks until the answers come from the cache: PostgreSQL's changes are heard a moment after the start.
async fn warm(api: &Api) {
    wait_until("the cache serves", async || {
        let asked = async {
            for path in ANONYMOUS.iter().chain(&ANONYMOUS) {
                api.get(path).await.expect(200);
            }
        };
        reads(api, asked).await == 0
    })
    .await;
}

async fn ask_all(api: &Api) {
    for path in ANONYMOUS {
        api.get(path).await.expect(200);
    }
}

#[on_both]
async fn what_is_asked_for_again_is_not_read_again(api: Api) {
    fill(&api, 3).await;
    let again = async || {
        ask_all(&api).await;
        api.head("/api/posts").await.expect(200);
        api.get("/api/posts").header("origin", "https://example.org").await.expect(200);
    };
    // On a busy machine what is kept may have to be confirmed meanwhile.
    wait_until("nothing is read", async || reads(&api, again()).await == 0).await;
}

#[on_both]
async fn without_a_cache_every_request_is_read(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.cache_bytes = 0);
    fill(&api, 1).await;
    ask_all(&api).await;
    assert_eq!(reads(&api, ask_all(&api)).await, ANONYMOUS.len() as u64);
}

#[on_both]
async fn many_who_ask_for_the_same_at_once_cause_one_read(api: Api) {
    fill(&api, 3).await;
    warm(&api).await;
    let path = "/api/posts?limit=3";
    let ask = async {
        join_all((0..50).map(|_| async {
            api.get(path).await.expect(200);
        }))
        .await;
    };
    assert_eq!(reads(&api, ask).await, 1);
}

#[on_both]
async fn what_is_asked_with_a_key_is_neither_taken_from_the_cache_nor_put_into_it(api: Api) {
    fill(&api, 1).await;
    let draft = api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", draft["id"]);
    warm(&api).await;
    api.reader().get(&path).await.expect(200);
    api.get(&path).await.expect(404);
    assert_eq!(ids(&api.reader().get("/api/posts?published=any").await.json(200)), [2, 1]);
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), [1]);
}

#[on_both]
async fn drafting_empties_nothing(api: Api) {
    fill(&api, 1).await;
    let editor = api.editor();
    let draft = api.create(json!({"title": "Draft"})).await;
    let path = format!("/api/posts/{}", draft["id"]);
    warm(&api).await;
    let drafting = async {
        api.create(json!({"title": "Another"})).await;
        editor.patch(&path, &json!({"content": "more"})).await.expect(200);
        editor.post(&format!("{path}/publish"), &json!({"at": "2999-01-01T00:00:00Z"})).await.expect(200);
        editor.put("/api/posts/by-slug/put", &json!({"title": "Put"})).await.expect(201);
        editor.post("/api/posts/batch", &json!({"posts": [{"title": "a"}, {"title": "b"}]})).await.expect(200);
        editor.post("/api/posts", &json!({"title": "x", "slug": "post-1"})).await.expect(409);
        editor.patch("/api/posts/1", &json!({"title": "x"})).header("if-match", "\"1-9\"").await.expect(412);
        editor.delete(&path).await.expect(204);
        ask_all(&api).await;
    };
    assert_eq!(reads(&api, drafting).await, 0);
}

#[on_both]
async fn what_another_program_published_without_a_time_is_hidden_at_once(api: Api) {
    fill(&api, 1).await;
    let editor = api.editor();
    let hide = [
        (Method::POST, "/unpublish", Value::Null),
        (Method::PATCH, "", json!({"published": false})),
        (Method::PUT, "", json!({"title": "Draft"})),
    ];
    for (method, rest, body) in hide {
        let draft = api.create(json!({"title": "Draft"})).await;
        let path = format!("/api/posts/{}", draft["id"]);
        api.server.database.execute(&format!("UPDATE posts SET published = true WHERE id = {}", draft["id"]));
        wait_until("it shows", async || api.get(&path).await.status == 200).await;
        warm(&api).await;
        api.get(&path).await.expect(200);
        let change = match method {
            Method::PUT => format!("/api/posts/by-slug/{}", draft["slug"].as_str().unwrap()),
            _ => format!("{path}{rest}"),
        };
        editor.call(method, &change).json(&body).await.expect(200);
        api.get(&path).await.expect(404);
    }
}

#[on_both]
async fn every_change_to_what_is_published_shows_at_once(api: Api) {
    fill(&api, 2).await;
    let editor = api.editor();
    warm(&api).await;
    let titles = async || {
        let page: Value = api.get("/api/posts").await.json(200);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|post| post["title"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles().await, ["Post 2", "Post 1"]);
    editor.patch("/api/posts/1", &json!({"title": "Changed"})).await.expect(200);
    assert_eq!(titles().await, ["Post 2", "Changed"]);
    editor.post_empty("/api/posts/2/unpublish").await.expect(200);
    assert_eq!(titles().await, ["Changed"]);
    editor.post_empty("/api/posts/2/publish").await.expect(200);
    assert_eq!(titles().await, ["Post 2", "Changed"]);
    editor.put("/api/posts/by-slug/post-2", &json!({"title": "Draft again"})).await.expect(200);
    assert_eq!(titles().await, ["Changed"]);
    editor.post("/api/posts/batch", &json!({"posts": [{"title": "In a batch", "published": true}]})).await.expect(200);
    assert_eq!(titles().await, ["In a batch", "Changed"]);
    editor.delete("/api/posts/1").await.expect(204);
    assert_eq!(titles().await, ["In a batch"]);
    api.get("/api/posts/1").await.expect(404);
}

#[on_both]
async fn no_reader_is_shown_less_than_what_was_answered_before(api: Api) {
    const WRITES: i64 = 60;
    fill(&api, 4).await;
    warm(&api).await;
    // The version that was answered last, per post.
    let answered: Vec<AtomicI64> = (0..4).map(|_| AtomicI64::new(1)).collect();
    let done = AtomicI64::new(0);
    let write = async |index: usize| {
        let (editor, path) = (api.editor(), format!("/api/posts/{}", index + 1));
        for number in 0..WRITES {
            let post = editor.patch(&path, &json!({"title": format!("Change {number}")})).await.json(200);
            answered[index].store(post["version"].as_i64().unwrap(), Ordering::SeqCst);
        }
        done.fetch_add(1, Ordering::SeqCst);
    };
    let read = async |reader: usize| {
        while done.load(Ordering::SeqCst) < 4 {
            let expected: Vec<i64> = answered.iter().map(|version| version.load(Ordering::SeqCst)).collect();
            if reader < 4 {
                let page = api.get("/api/posts").await.json(200);
                for post in page["items"].as_array().unwrap() {
                    let (id, version) = (post["id"].as_i64().unwrap(), post["version"].as_i64().unwrap());
                    assert!(version >= expected[usize::try_from(id - 1).unwrap()], "the list is stale");
                }
            } else {
                let post = api.get(&format!("/api/posts/{}", reader % 4 + 1)).await.json(200);
                assert!(post["version"].as_i64().unwrap() >= expected[reader % 4], "a post is stale");
            }
        }
    };
    tokio::join!(join_all((0..4).map(write)), join_all((0..8).map(read)));
}

#[on_both]
async fn what_the_schedule_publishes_shows(api: Api) {
    fill(&api, 1).await;
    warm(&api).await;
    let draft = api.create(json!({"title": "Soon"})).await;
    let at = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300)).to_string();
    api.editor().post(&format!("/api/posts/{}/publish", draft["id"]), &json!({"at": at})).await.expect(200);
    wait_until("the schedule publishes", async || {
        api.get("/api/posts").await.expect(200);
        api.server.schedule.published() == 1
    })
    .await;
    // The count moves after the commit has been noted.
    assert_eq!(ids(&api.get("/api/posts").await.json(200)), [2, 1]);
}

#[on_both]
async fn a_change_by_another_program_shows_and_has_another_tag(api: Api) {
    fill(&api, 2).await;
    warm(&api).await;
    let before = api.get("/api/posts/1").await.expect(200);
    let tag = before.header("etag").unwrap().to_owned();
    let before = before.json(200);
    api.server.database.execute("UPDATE posts SET title = 'By hand', content = 'Other' WHERE id = 1");
    wait_until("the change shows", async || api.get("/api/posts/1").await.json(200)["title"] == "By hand").await;
    let after = api.get("/api/posts/1").header("if-none-match", &tag).await.json(200);
    assert_eq!(after["version"], 2);
    assert_ne!(after["updated_at"], before["updated_at"]);
    assert_eq!(after["updated_at"].as_str().unwrap().len(), 27);
    api.editor().patch("/api/posts/1", &json!({"title": "x"})).header("if-match", &tag).await.expect(412);
    assert_eq!(api.get("/api/posts?view=summary").await.json(200)["items"][1]["excerpt"], "Other");
    api.server.database.execute("DELETE FROM posts WHERE id = 2");
    wait_until("the deletion shows", async || ids(&api.get("/api/posts").await.json(200)) == [1]).await;
    api.get("/api/posts/2").await.expect(404);
}

#[on_both]
async fn the_database_moves_a_version_once_for_who_does_not(api: Api) {
    fill(&api, 3).await;
    let version =
        |id: i64| api.server.database.query_number(&format!("SELECT version AS number FROM posts WHERE id = {id}"));
    let database = &api.server.database;
    database.execute("UPDATE posts SET content = 'changed' WHERE id = 1");
    assert_eq!(version(1), 2);
    assert_eq!(database.query_number("SELECT count(*) AS number FROM posts WHERE id = 1 AND excerpt IS NULL"), 1);
    database.execute("UPDATE posts SET content = 'changed', version = 7 WHERE id = 2");
    assert_eq!(version(2), 7, "whoever moves it is left alone");
    database.execute("UPDATE posts SET title = 'x', version = 1 WHERE id = 2");
    assert_eq!(version(2), 8, "it never goes back");
    api.editor().patch("/api/posts/3", &json!({"title": "x"})).await.expect(200);
    assert_eq!(version(3), 2, "the service moves it itself");
    let found = database.query_number("SELECT count(*) AS number FROM posts WHERE id = 1 AND updated_at > created_at");
    assert_eq!(found, 1);
}

#[on_both]
async fn a_compressed_answer_has_the_same_content_and_a_tag_of_its_own(api: Api) {
    fill(&api, 3).await;
    warm(&api).await;
    let plain = api.get("/api/posts").await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.header("vary").unwrap().contains("Accept-Encoding"));
    let compressed = api.get("/api/posts").header("accept-encoding", "br, gzip").await.expect(200);
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert!(compressed.body.len() * 2 < plain.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&compressed.body[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    assert_ne!(compressed.header("etag"), plain.header("etag"));
    for tag in [compressed.header("etag").unwrap(), plain.header("etag").unwrap()] {
        api.get("/api/posts").header("if-none-match", tag).await.expect(304);
        let known = api.get("/api/posts").header("if-none-match", tag).header("accept-encoding", "gzip").await;
        assert_eq!(known.expect(304).header("etag"), Some(tag));
    }
    let refused = api.get("/api/posts").header("accept-encoding", "gzip;q=0").await.expect(200);
    assert_eq!(refused.header("content-encoding"), None);
    // A post's tag serves as a condition in either encoding.
    let post = api.get("/api/posts/1").header("accept-encoding", "gzip").await.expect(200);
    let tag = post.header("etag").unwrap().to_owned();
    assert_eq!(tag, "\"1-1-gzip\"");
    api.editor().patch("/api/posts/1", &json!({"title": "x"})).header("if-match", &tag).await.expect(200);
    api.editor().patch("/api/posts/1", &json!({"title": "y"})).header("if-match", &tag).await.expect(412);
}

#[on_both]
async fn the_cache_stays_within_its_bytes(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.cache_bytes = 256 * 1024);
    fill(&api, 20).await;
    let all = async || {
        for limit in 1..=20 {
            api.get(&format!("/api/posts?limit={limit}")).await.expect(200);
        }
    };
    all().await;
    // Some 420 KB of answers do not fit, so some are read again.
    assert!(reads(&api, all()).await > 0);
}

#[on_both]
async fn two_instances_show_each_others_changes(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(database);
    let [one, other] = [(); 2].map(|()| Api::start(&database, |_| ()));
    fill(&one, 2).await;
    warm(&other).await;
    one.editor().patch("/api/posts/1", &json!({"title": "Changed"})).await.expect(200);
    wait_until("the other instance hears", async || other.get("/api/posts/1").await.json(200)["title"] == "Changed")
        .await;
    // A change counts when it is committed, not when it is made.
    let slow = Arc::clone(&database);
    let transaction = tokio::task::spawn_blocking(move || {
        slow.execute(
            "DO $$ BEGIN UPDATE posts SET title = 'Committed late' WHERE id = 2; PERFORM pg_sleep(0.5); END $$",
        );
    });
    wait_until("the transaction runs", async || {
        other.get("/api/posts/2").await.expect(200);
        database.query_number("SELECT count(*) AS number FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 1
    })
    .await;
    warm(&other).await;
    transaction.await.unwrap();
    wait_until("it shows", async || other.get("/api/posts/2").await.json(200)["title"] == "Committed late").await;
    // Its polling connection is cut: nothing is kept until it polls again.
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    wait_until("the change is stored", async || {
        one.admin().patch("/api/posts/1", &json!({"title": "Again"})).await.status == 200
    })
    .await;
    wait_until("the change shows", async || {
        let reply = other.get("/api/posts/1").await;
        reply.status == 200 && reply.json(200)["title"] == "Again"
    })
    .await;
    warm(&other).await;
}
