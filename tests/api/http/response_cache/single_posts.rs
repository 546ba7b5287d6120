//! The cached response with one post: it survives changes of other posts, and shows each change of its own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{database_reads, fill};
use crate::support::database::execute;
use crate::support::{Api, Engine, TestDatabase, on_both, wait_until};

const BY_ID: &str = "/api/posts/1";
const BY_SLUG: &str = "/api/posts/by-slug/post-1";
const LIST: &str = "/api/posts?view=summary";

/// Reads until the cache serves the paths.
async fn warm(api: &Api, paths: &[&str]) {
    wait_until("the cache serves", async || {
        let requests = async {
            for path in paths.iter().chain(paths) {
                api.get(path).await;
            }
        };
        database_reads(api, requests).await == 0
    })
    .await;
}

/// Changes posts other than the first one in every way.
async fn change_others(api: &Api) {
    let editor = api.editor();
    let post = api.create(json!({"title": "Other", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let slug = format!("other-{}", post["id"]);
    editor.patch(&path, &json!({"title": "Renamed", "slug": slug, "tags": ["a"]})).await.expect(200);
    editor.put(&format!("/api/posts/by-slug/{slug}"), &json!({"title": "Put", "published": true})).await.expect(200);
    editor.post_empty(&format!("{path}/unpublish")).await.expect(200);
    editor.post_empty(&format!("{path}/publish")).await.expect(200);
    let posts = json!([{"title": "Batch", "slug": slug, "published": true}, {"title": "New", "published": true}]);
    editor.post("/api/posts/batch", &json!({"on_conflict": "replace", "posts": posts})).await.expect(200);
    editor.delete(&path).await.expect(204);
}

/// On a busy machine the revision may be unknown for a moment, and then every request reads the database. If a change
/// of another post invalidated the responses, each attempt would count reads.
#[on_both]
async fn a_post_survives_changes_of_other_posts(api: Api) {
    fill(&api, 1).await;
    let paths = [BY_ID, BY_SLUG];
    wait_until("changes of other posts without a read of this one", async || {
        warm(&api, &paths).await;
        let changes_and_reads = async {
            change_others(&api).await;
            for path in paths {
                api.get(path).await.expect(200);
            }
        };
        database_reads(&api, changes_and_reads).await == 0
    })
    .await;
}

/// The log of PostgreSQL contains which posts other programs and instances have changed. On SQLite, this is unknown.
#[on_both]
async fn a_post_survives_external_changes_of_other_posts(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(database);
    let [api, other] = [(); 2].map(|()| Api::start(&database, |_| ()));
    fill(&api, 1).await;
    let paths = [BY_ID, BY_SLUG];
    let mut transaction = database.connect();
    wait_until("external changes without a read of this post", async || {
        warm(&api, &paths).await;
        let changes_and_reads = async {
            change_others(&other).await;
            database.execute("INSERT INTO posts (title, published) VALUES ('External', true)");
            database.execute("UPDATE posts SET title = 'Changed' WHERE title = 'External'");
            // The number of the sequence advances before the commit.
            execute(&mut transaction, "BEGIN");
            execute(&mut transaction, "DELETE FROM posts WHERE title = 'Changed'");
            api.wait_for_poll().await;
            execute(&mut transaction, "COMMIT");
            api.wait_for_poll().await;
            for path in paths {
                api.get(path).await.expect(200);
            }
        };
        database_reads(&api, changes_and_reads).await == 0
    })
    .await;
}

/// Asserts the title that both paths respond with.
#[track_caller]
fn assert_titles(replies: [Value; 2], title: &str) {
    assert_eq!(replies.map(|post| post["title"].clone()), [title, title]);
}

async fn read_both(api: &Api) -> [Value; 2] {
    [api.get(BY_ID).await.json(200), api.get(BY_SLUG).await.json(200)]
}

#[on_both]
async fn each_change_of_a_post_shows_at_once(api: Api) {
    fill(&api, 2).await;
    let editor = api.editor();
    let paths = [BY_ID, BY_SLUG, LIST];
    warm(&api, &paths).await;
    editor.patch(BY_ID, &json!({"title": "Patched"})).await.expect(200);
    assert_titles(read_both(&api).await, "Patched");
    warm(&api, &paths).await;
    editor.put(BY_SLUG, &json!({"title": "Put", "published": true})).await.expect(200);
    assert_titles(read_both(&api).await, "Put");
    warm(&api, &paths).await;
    let batch = json!({"on_conflict": "replace", "posts": [{"title": "Batch", "slug": "post-1", "published": true}]});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    assert_titles(read_both(&api).await, "Batch");
    // A 404 is not cached.
    for (action, status, cached) in [("unpublish", 404, &paths[..]), ("publish", 200, &[LIST])] {
        warm(&api, cached).await;
        editor.post_empty(&format!("{BY_ID}/{action}")).await.expect(200);
        for path in [BY_ID, BY_SLUG] {
            api.get(path).await.expect(status);
        }
    }
    warm(&api, &paths).await;
    editor.patch(BY_ID, &json!({"slug": "renamed"})).await.expect(200);
    assert_eq!(api.get(BY_ID).await.json(200)["slug"], "renamed");
    assert_eq!(api.get(BY_SLUG).await.expect(301).header("location"), Some("/api/posts/by-slug/renamed"));
    let renamed = "/api/posts/by-slug/renamed";
    warm(&api, &[BY_ID, renamed]).await;
    editor.delete(BY_ID).await.expect(204);
    for path in [BY_ID, BY_SLUG, renamed] {
        api.get(path).await.expect(404);
    }
    let post = api.create(json!({"title": "New", "slug": "renamed", "published": true})).await;
    assert_eq!(api.get(renamed).await.json(200)["id"], post["id"]);
}

#[on_both]
async fn a_slug_shows_the_post_that_takes_it(api: Api) {
    fill(&api, 2).await;
    let editor = api.editor();
    warm(&api, &[BY_SLUG, "/api/posts/by-slug/post-2"]).await;
    editor.patch(BY_ID, &json!({"slug": "other"})).await.expect(200);
    api.get(BY_SLUG).await.expect(301);
    warm(&api, &[BY_SLUG]).await;
    editor.patch("/api/posts/2", &json!({"slug": "post-1"})).await.expect(200);
    assert_eq!(api.get(BY_SLUG).await.json(200)["id"], 2);
    api.get("/api/posts/by-slug/post-2").await.expect(301);
    warm(&api, &[BY_SLUG, "/api/posts/by-slug/other"]).await;
    editor.delete("/api/posts/2").await.expect(204);
    api.get(BY_SLUG).await.expect(404);
    assert_eq!(api.get("/api/posts/by-slug/other").await.json(200)["id"], 1);
}

#[on_both]
async fn a_scheduled_publication_shows_for_its_slug(api: Api) {
    fill(&api, 1).await;
    api.editor().patch(BY_ID, &json!({"slug": "renamed"})).await.expect(200);
    let draft = api.create_scheduled().await;
    // The draft gets the old slug, which redirects until the draft is public.
    let path = format!("/api/posts/{}", draft["id"]);
    api.editor().patch(&path, &json!({"slug": "post-1"})).await.expect(200);
    wait_until("the scheduler publishes the post", async || {
        api.get(BY_SLUG).await;
        api.server.schedule.lags().count == 1
    })
    .await;
    assert_eq!(api.get(BY_SLUG).await.json(200)["id"], draft["id"]);
}

/// Statements that change the first post, with its title afterwards. `None`: the post is missing or not public.
fn external_changes(engine: Engine) -> Vec<(String, Option<&'static str>)> {
    let insert =
        |title: &str| format!("INSERT INTO posts (id, slug, title, published) VALUES (1, 'post-1', {title}, TRUE)");
    let (replace, truncate) = match engine {
        Engine::Sqlite => (insert("'Replaced'").replace("INSERT", "INSERT OR REPLACE"), "DELETE FROM posts"),
        Engine::Postgres => {
            let update = "ON CONFLICT (id) DO UPDATE SET title = excluded.title";
            (format!("{} {update}", insert("'Replaced'")), "TRUNCATE posts")
        }
    };
    vec![
        ("UPDATE posts SET title = 'Updated' WHERE id = 1".into(), Some("Updated")),
        ("UPDATE posts SET published = FALSE WHERE id = 1".into(), None),
        ("UPDATE posts SET published = TRUE WHERE id = 1".into(), Some("Updated")),
        ("UPDATE posts SET title = 'All'".into(), Some("All")),
        (replace, Some("Replaced")),
        ("DELETE FROM posts WHERE id = 1".into(), None),
        (insert("'Inserted'"), Some("Inserted")),
        (truncate.into(), None),
        (insert("'Again'"), Some("Again")),
    ]
}

#[on_both]
async fn every_external_change_shows_after_a_poll(api: Api) {
    fill(&api, 3).await;
    let database = &api.server.database;
    // More posts than a list of changed posts may have.
    database.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500) \
         INSERT INTO posts (slug, title, published) SELECT 'many-' || n, 'Many', TRUE FROM numbers",
    );
    for (statement, expected) in external_changes(api.engine()) {
        database.execute(&statement);
        api.wait_for_poll().await;
        if let Some(title) = expected {
            assert_titles(read_both(&api).await, title);
            // The next statement must invalidate the responses.
            warm(&api, &[BY_ID, BY_SLUG]).await;
        } else {
            for path in [BY_ID, BY_SLUG] {
                api.get(path).await.expect(404);
            }
        }
    }
    database.execute("UPDATE posts SET slug = 'renamed' WHERE id = 1");
    api.wait_for_poll().await;
    assert_eq!(api.get(BY_ID).await.json(200)["slug"], "renamed");
    api.get(BY_SLUG).await.expect(301);
    let renamed = "/api/posts/by-slug/renamed";
    warm(&api, &[BY_ID, renamed]).await;
    database.execute("UPDATE posts SET id = 9 WHERE id = 1");
    api.wait_for_poll().await;
    api.get(BY_ID).await.expect(404);
    assert_eq!(api.get(renamed).await.json(200)["id"], 9);
}

/// A copy of the data replaces the log too, and no trigger reports the posts.
#[on_both]
async fn a_restored_database_shows_after_a_poll(api: Api) {
    fill(&api, 2).await;
    if api.engine() == Engine::Sqlite {
        return;
    }
    let restore = |log: &str| {
        format!(
            "DO $$ BEGIN ALTER TABLE posts DISABLE TRIGGER ALL; UPDATE posts SET title = title || '!'; {log} \
             ALTER TABLE posts ENABLE TRIGGER ALL; PERFORM nextval('posts_changes'); END $$"
        )
    };
    for log in [
        "DELETE FROM post_changes;",
        "UPDATE post_changes SET at = at + interval '1 hour';",
        "TRUNCATE post_changes; INSERT INTO post_changes (post_id, kind, version, slug) VALUES (0, 0, 0, '');",
        "PERFORM setval('posts_changes', 1);",
    ] {
        // The log has a row, and the poller knows it.
        api.editor().patch("/api/posts/2", &json!({"content": log})).await.expect(200);
        api.wait_for_poll().await;
        warm(&api, &[BY_ID, BY_SLUG]).await;
        let title = api.get(BY_ID).await.json(200)["title"].as_str().unwrap().to_owned();
        api.server.database.execute(&restore(log));
        api.wait_for_poll().await;
        assert_titles(read_both(&api).await, &format!("{title}!"));
    }
}

/// A transaction takes its position in the log early and commits late, while others take later positions.
#[on_both]
async fn a_late_commit_shows_after_a_poll(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(database);
    let [api, other] = [(); 2].map(|()| Api::start(&database, |_| ()));
    fill(&api, 3).await;
    let mut transaction = database.connect();
    for round in 0..5 {
        let title = format!("Late {round}");
        execute(&mut transaction, "BEGIN");
        execute(&mut transaction, &format!("UPDATE posts SET title = '{title}' WHERE id = 1"));
        for number in 0..round {
            let change = json!({"title": format!("Early {round} {number}")});
            other.editor().patch("/api/posts/2", &change).await.expect(200);
            api.wait_for_poll().await;
            warm(&api, &["/api/posts/2"]).await;
            assert_eq!(api.get("/api/posts/2").await.json(200)["title"], change["title"]);
        }
        warm(&api, &[BY_ID, BY_SLUG]).await;
        assert_ne!(api.get(BY_ID).await.json(200)["title"], title.as_str());
        execute(&mut transaction, "COMMIT");
        api.wait_for_poll().await;
        assert_titles(read_both(&api).await, &title);
    }
}
