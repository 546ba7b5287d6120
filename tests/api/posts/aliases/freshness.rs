//! Cached redirects and lists of redirects show every change.

use std::sync::Arc;

use serde_json::json;

use super::{assert_moved, by_slug, create_renamed, rename};
use crate::support::{Api, Engine, TestDatabase, on_both, wait_until};

const LIST: &str = "/api/redirects";

/// Reads until the cache serves the paths.
async fn warm(api: &Api, paths: &[&str]) {
    wait_until("the cache serves", async || {
        let before = api.server.cache.reads();
        for path in paths.iter().chain(paths) {
            api.get(path).await;
        }
        api.server.cache.reads() == before
    })
    .await;
}

#[on_both]
async fn changes_show_at_once_on_this_instance(api: Api) {
    let id = create_renamed(&api, &["a", "b"]).await;
    let old = by_slug("a");
    let paths = [old.as_str(), LIST];
    let targets = async || api.get(LIST).await.json(200)["items"].clone();
    for slug in ["c", "d", "e"] {
        warm(&api, &paths).await;
        rename(&api, id, slug).await;
        assert_moved(api.get(&old).await, slug);
        assert_eq!(targets().await[0], json!({"from": "a", "to": slug, "id": id}));
    }
    warm(&api, &paths).await;
    api.editor().post_empty(&format!("/api/posts/{id}/unpublish")).await.expect(200);
    api.get(&old).await.problem(404, "not_found");
    assert_eq!(targets().await, json!([]));
    api.editor().post_empty(&format!("/api/posts/{id}/publish")).await.expect(200);
    warm(&api, &paths).await;
    let draft = api.create(json!({"title": "New", "slug": "a"})).await;
    assert_moved(api.get(&old).await, "e");
    api.editor().post_empty(&format!("/api/posts/{}/publish", draft["id"])).await.expect(200);
    assert_eq!(api.get(&old).await.json(200)["id"], draft["id"]);
    assert_eq!(targets().await[0]["from"], "b");
    warm(&api, &[LIST]).await;
    api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
    assert_eq!(targets().await, json!([]));
}

#[on_both]
async fn changes_show_on_other_instances(database: TestDatabase) {
    // Only one instance can use a SQLite file.
    if database.engine == Engine::Sqlite {
        return;
    }
    let database = Arc::new(database);
    let [first, second] = [(); 2].map(|()| Api::start(&database, |_| ()));
    let id = create_renamed(&first, &["a", "b"]).await;
    let old = by_slug("a");
    wait_until("the redirect shows", async || second.get(&old).await.status == 301).await;
    warm(&second, &[&old, LIST]).await;
    rename(&first, id, "c").await;
    let target = by_slug("c");
    wait_until("the new target shows", async || {
        let list = second.get(LIST).await.json(200);
        second.get(&old).await.header("location") == Some(target.as_str())
            && list["items"].as_array().unwrap().len() == 2
    })
    .await;
}

#[on_both]
async fn external_changes_show(api: Api) {
    let id = create_renamed(&api, &["a", "b"]).await;
    let old = by_slug("a");
    let database = &api.server.database;
    let shows = async |to: &str| {
        let location = api.get(&old).await.header("location").map(str::to_owned);
        let list = api.get(LIST).await.json(200)["items"][0]["to"].clone();
        location == Some(by_slug(to)) && list == to
    };
    for slug in ["c", "d"] {
        warm(&api, &[&old, LIST]).await;
        database.execute(&format!("UPDATE posts SET slug = '{slug}' WHERE id = {id}"));
        wait_until("the rename shows", async || shows(slug).await).await;
    }
    warm(&api, &[&old, LIST]).await;
    database.execute("DELETE FROM post_aliases WHERE slug = 'a'");
    wait_until("the deletion shows", async || api.get(&old).await.status == 404).await;
    database.execute(&format!("INSERT INTO post_aliases (slug, post_id) VALUES ('a', {id})"));
    wait_until("the insertion shows", async || api.get(&old).await.status == 301).await;
}
