//! The size of pages, and invalid requests.

use serde_json::{Value, json};

use super::{Follower, feed_page, public_posts, wait_until_settled};
use crate::support::{Api, Engine, ids, on_both};

#[on_both]
async fn invalid_parameters_are_400(api: Api) {
    let cursor = feed_page(|| api.get("/api/changes")).await["cursor"].as_str().unwrap().to_owned();
    for query in ["limit=0", "limit=101", "limit=x", "view=short", "since=1", "view=full&view=full", "published=any"] {
        api.get(&format!("/api/changes?{query}")).await.problem(400, "invalid_parameter");
    }
    let list = {
        for title in ["A", "B"] {
            api.create(json!({"title": title, "published": true})).await;
        }
        api.get("/api/posts?limit=1").await.json(200)["next_cursor"].as_str().unwrap().to_owned()
    };
    let cut = &cursor[..cursor.len() - 1];
    let altered = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    let long = "A".repeat(4000);
    for cursor in ["", "x", "NOW", cut, &altered, &list, &format!("{cursor}A"), "%00", "now%00", &long] {
        api.get(&format!("/api/changes?cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
    api.get(&format!("/api/posts?cursor={cursor}")).await.problem(400, "invalid_cursor");
    api.get("/api/changes").header("authorization", "Bearer unknown").await.problem(401, "key_invalid");
    api.post("/api/changes", &json!({})).await.problem(405, "method_not_allowed");
}

#[on_both]
async fn the_end_of_the_feed_is_now(api: Api) {
    api.create(json!({"title": "A", "published": true})).await;
    wait_until_settled(&api).await;
    let page = feed_page(|| api.reader().get("/api/changes?cursor=now")).await;
    assert_eq!((&page["items"], &page["has_more"]), (&json!([]), &json!(false)));
    let walk = feed_page(|| api.reader().get("/api/changes")).await;
    assert_eq!((&walk["cursor"], &walk["has_more"]), (&page["cursor"], &json!(false)));
}

/// The rows of many changes to few posts are examined in steps.
#[on_both]
async fn a_page_examines_at_most_a_thousand_changes(api: Api) {
    let mut follower = Follower::from_now(&api).await;
    let database = &api.server.database;
    database.execute("INSERT INTO posts (id, slug, title, published) VALUES (1, 'a', 'A', TRUE), (2, 'b', 'B', TRUE)");
    let mut conn = database.connect();
    // With plain BEGIN, SQLite takes the snapshot before the lock. If the service commits in between, the UPDATE fails.
    let begin = if api.engine() == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
    crate::support::database::execute(&mut conn, begin);
    for number in 0..1200 {
        let sql = format!("UPDATE posts SET title = 'Title {number}' WHERE id = 1");
        crate::support::database::execute(&mut conn, &sql);
    }
    crate::support::database::execute(&mut conn, "COMMIT");
    wait_until_settled(&api).await;
    assert!(follower.read(&api, 100).await);
    let kinds =
        |follower: &mut Follower| -> Vec<i64> { follower.take_items().into_iter().map(|item| item.1).collect() };
    // The last change of post 1 on this page is the thousandth row.
    assert_eq!(kinds(&mut follower), [2, 1]);
    assert!(!follower.read(&api, 100).await);
    assert_eq!(kinds(&mut follower), [1]);
    assert_eq!(follower.posts, public_posts(&api).await);
}

/// A page ends at a size, with and without a key, in the walk and in the log, and no item is lost.
#[on_both]
async fn a_page_ends_at_a_size(api: Api) {
    let begin = feed_page(|| api.reader().get("/api/changes?cursor=now")).await["cursor"].as_str().unwrap().to_owned();
    for number in 0..6 {
        let content = "x".repeat(400_000);
        api.create(json!({"title": "Long", "slug": format!("long-{number}"), "content": content, "published": true}))
            .await;
    }
    api.editor().patch("/api/posts/1", &json!({"slug": "renamed"})).await.expect(200);
    wait_until_settled(&api).await;
    for start in ["/api/changes?".to_owned(), format!("/api/changes?cursor={begin}")] {
        let keyed = feed_page(|| api.reader().get(&start)).await;
        assert_eq!(keyed["items"].as_array().unwrap().len(), 6, "8 MiB with a key");
        let (mut path, mut seen, mut former) = (start.clone(), Vec::new(), Vec::new());
        loop {
            let page = feed_page(|| api.get(&path)).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2, "1 MiB without a key");
            seen.extend(ids(&page));
            former.extend(items.iter().flat_map(|item| item["former_slugs"].as_array().unwrap().clone()));
            if page["has_more"] == false {
                break;
            }
            path = format!("/api/changes?cursor={}", page["cursor"].as_str().unwrap());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 2, 3, 4, 5, 6], "{start}");
        former.dedup();
        // The rename is on another page than the creation, and each item names every slug since the cursor.
        let expected: Vec<Value> = if start.contains("cursor") { vec![json!("long-0")] } else { vec![] };
        assert_eq!(former, expected, "{start}");
    }
    let summaries = feed_page(|| api.get("/api/changes?view=summary")).await;
    assert_eq!(summaries["items"].as_array().unwrap().len(), 6);
}
