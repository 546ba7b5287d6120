//! `GET /api/posts`: pages, cursors, and the parameters `limit` and `published`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Api, ids, on_both};

/// Imports `count` posts and returns their ids, oldest first. Every third post is a draft.
fn fill(api: &Api, count: usize) -> Vec<i64> {
    let lines: String = (1..=count)
        .map(|number| json!({"title": format!("Post {number}"), "published": number % 3 != 0}).to_string() + "\n")
        .collect();
    let mut conn = api.server.database.connect();
    let report =
        posts_api::transfer::import(&mut conn, lines.as_bytes(), posts_api::transfer::Options::default(), |_| {})
            .unwrap();
    assert_eq!(report.imported, count as u64);
    (1..=i64::try_from(count).unwrap()).collect()
}

fn published(ids: &[i64]) -> Vec<i64> {
    ids.iter().copied().filter(|id| id % 3 != 0).collect()
}

fn newest_first(mut ids: Vec<i64>) -> Vec<i64> {
    ids.reverse();
    ids
}

async fn page_at(api: &Api, query: &str, cursor: &Value) -> Value {
    api.get(&format!("/api/posts?{query}&cursor={}", cursor.as_str().unwrap())).await.json(200)
}

/// The given page and all pages after it in one direction.
async fn pages_from(api: &Api, query: &str, first: Value, direction: &str) -> Vec<Value> {
    let mut pages = vec![first];
    while pages[pages.len() - 1][direction].is_string() {
        let page = page_at(api, query, &pages[pages.len() - 1][direction]).await;
        pages.push(page);
        assert!(pages.len() < 200, "the list does not end");
    }
    pages
}

#[on_both]
async fn empty_list_has_no_cursors(api: Api) {
    let page = api.get("/api/posts").await.json(200);
    assert_eq!(page, json!({"items": [], "next_cursor": null, "prev_cursor": null}));
}

#[on_both]
async fn default_page_has_20_published_posts_newest_first(api: Api) {
    let all = newest_first(published(&fill(&api, 40)));
    let page = api.get("/api/posts").await.json(200);
    assert_eq!(ids(&page), all[..20]);
    assert!(page["next_cursor"].is_string());
    assert_eq!(page["prev_cursor"], Value::Null);
    let post = &page["items"][0];
    assert_eq!(api.get(&format!("/api/posts/{}", post["id"])).await.json(200), *post);
}

#[on_both]
async fn every_post_is_on_exactly_one_page_in_both_directions(api: Api) {
    let all = fill(&api, 130);
    for (query, expected) in [
        ("published=true", newest_first(published(&all))),
        ("published=false", newest_first(all.iter().copied().filter(|id| id % 3 == 0).collect())),
        ("published=any", newest_first(all.clone())),
    ] {
        for limit in [1, 7, 65, 100] {
            let query = format!("{query}&limit={limit}");
            let reader = api.reader();
            let first = reader.get(&format!("/api/posts?{query}")).await.json(200);
            let pages = pages_from(&reader, &query, first, "next_cursor").await;
            assert!(pages[..pages.len() - 1].iter().all(|page| ids(page).len() == limit), "{query}");
            assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), expected, "{query}");

            let back = pages_from(&reader, &query, pages[pages.len() - 1].clone(), "prev_cursor").await;
            let back: Vec<Value> = back.into_iter().rev().collect();
            assert_eq!(back, pages, "{query}");
        }
    }
}

#[on_both]
async fn cursor_survives_inserts_and_deletes_between_pages(api: Api) {
    let all = newest_first(fill(&api, 60));
    let reader = api.reader();
    let query = "published=any&limit=10";
    let mut page = reader.get(&format!("/api/posts?{query}")).await.json(200);
    let mut seen = ids(&page);
    let mut deleted = BTreeSet::new();
    while page["next_cursor"].is_string() {
        // Insert a post on top, and delete the last post of this page and the first of the next.
        api.create(json!({"title": "New"})).await;
        let last = seen[seen.len() - 1];
        for id in [last, last - 1] {
            api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
        }
        deleted.insert(last - 1);
        page = page_at(&reader, query, &page["next_cursor"]).await;
        seen.extend(ids(&page));
    }
    let expected: Vec<i64> = all.into_iter().filter(|id| !deleted.contains(id)).collect();
    assert_eq!(seen, expected);
}

#[on_both]
async fn prev_cursor_reaches_newly_inserted_posts(api: Api) {
    fill(&api, 10);
    let reader = api.reader();
    let query = "published=any&limit=5";
    let first = reader.get(&format!("/api/posts?{query}")).await.json(200);
    let second = page_at(&reader, query, &first["next_cursor"]).await;
    let new = api.create(json!({"title": "New"})).await;
    let back = page_at(&reader, query, &second["prev_cursor"]).await;
    assert_eq!(ids(&back), ids(&first));
    let top = page_at(&reader, query, &back["prev_cursor"]).await;
    assert_eq!(top["items"], json!([new]));
    assert_eq!(top["prev_cursor"], Value::Null);
    assert_eq!(page_at(&reader, query, &top["next_cursor"]).await["items"], back["items"]);
}

#[on_both]
async fn page_ends_at_8_mib_of_content(api: Api) {
    let content = "x".repeat(500_000);
    let post = |number: usize| json!({"title": format!("Large {number}"), "content": content});
    api.server.database.import(&(0..32).map(post).collect::<Vec<_>>());
    let (reader, query) = (api.reader(), "published=any&limit=100");
    let first = reader.get(&format!("/api/posts?{query}")).await.json(200);
    assert_eq!(ids(&first).len(), 16);
    let second = page_at(&reader, query, &first["next_cursor"]).await;
    assert_eq!((ids(&second).len(), &second["next_cursor"]), (16, &Value::Null));
    assert_eq!(page_at(&reader, query, &second["prev_cursor"]).await["items"], first["items"]);
    let summaries = reader.get(&format!("/api/posts?{query}&view=summary")).await.json(200);
    assert_eq!(ids(&summaries).len(), 32);
}

#[on_both]
async fn cursor_works_with_a_different_limit(api: Api) {
    let all = newest_first(published(&fill(&api, 30)));
    let first = api.get("/api/posts?limit=3").await.json(200);
    let rest = page_at(&api, "limit=100", &first["next_cursor"]).await;
    assert_eq!(ids(&rest), all[3..]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[on_both]
async fn limit_must_be_an_integer_between_1_and_100(api: Api) {
    fill(&api, 160);
    for (limit, posts) in [("1", 1), ("100", 100)] {
        assert_eq!(ids(&api.get(&format!("/api/posts?limit={limit}")).await.json(200)).len(), posts);
    }
    for limit in ["0", "101", "-1", "1.5", "ten", "", "256", "99999999999999999999"] {
        let problem = api.get(&format!("/api/posts?limit={limit}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with("limit: "), "{problem}");
    }
}

#[on_both]
async fn listing_drafts_requires_a_key(api: Api) {
    let all = fill(&api, 6);
    for (filter, expected) in [("false", vec![6, 3]), ("any", newest_first(all))] {
        let path = format!("/api/posts?published={filter}");
        let rejection = api.get(&path).await.expect(401);
        assert_eq!(rejection.header("www-authenticate"), Some("Bearer"));
        rejection.problem(401, "key_required");
        for key in [api.reader(), api.editor(), api.admin()] {
            assert_eq!(ids(&key.get(&path).await.json(200)), expected);
        }
    }
    assert_eq!(ids(&api.get("/api/posts?published=true").await.json(200)), [5, 4, 2, 1]);
    assert_eq!(ids(&api.reader().get("/api/posts").await.json(200)), [5, 4, 2, 1]);
}

#[on_both]
async fn invalid_parameter_is_named_in_the_error(api: Api) {
    for (query, name) in [
        ("published=yes", "published"),
        ("published=", "published"),
        ("published=TRUE", "published"),
        ("published=true&published=true", "published"),
        ("limit=5&limit=5", "limit"),
        ("cursor=&cursor=", "cursor"),
        ("colour=red", "colour"),
        ("limit=5&Limit=6", "Limit"),
        ("page=2", "page"),
        ("limit=5&%E2%9C%93=1", "✓"),
    ] {
        let problem = api.get(&format!("/api/posts?{query}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with(&format!("{name}: ")), "{query}: {problem}");
    }
}

#[on_both]
async fn repeated_parameter_is_rejected(api: Api) {
    for query in ["limit=5&limit=6", "published=any&published=any"] {
        let problem = api.reader().get(&format!("/api/posts?{query}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().contains("repeated"), "{problem}");
    }
}

#[on_both]
async fn long_parameter_name_is_truncated_in_the_error(api: Api) {
    let reply = api.get(&format!("/api/posts?{}=1", "x".repeat(3000))).await;
    assert!(reply.problem(400, "invalid_parameter")["detail"].as_str().unwrap().len() < 400);
}

#[on_both]
async fn tampered_cursor_is_rejected(api: Api) {
    fill(&api, 5);
    let page = api.get("/api/posts?limit=2").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let altered = |index: usize| {
        let mut bytes = cursor.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut tampered = vec![
        cursor[..cursor.len() - 1].to_owned(),
        cursor[1..].to_owned(),
        cursor[..4].to_owned(),
        String::new(),
        format!("{cursor}A"),
        format!("{cursor}%3D"),
        cursor.to_uppercase(),
        "!!!".into(),
        "%00".into(),
    ];
    tampered.extend([0, cursor.len() / 2, cursor.len() - 1].map(altered));
    for cursor in tampered {
        api.get(&format!("/api/posts?limit=2&cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
}

#[on_both]
async fn cursor_of_another_filter_is_rejected(api: Api) {
    fill(&api, 9);
    let reader = api.reader();
    for (made_for, used_with) in
        [("true", "any"), ("true", "false"), ("any", "true"), ("any", "false"), ("false", "any"), ("false", "true")]
    {
        let page = reader.get(&format!("/api/posts?limit=1&published={made_for}")).await.json(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        let path = format!("/api/posts?limit=1&published={used_with}&cursor={cursor}");
        reader.get(&path).await.problem(400, "invalid_cursor");
    }
}

#[on_both]
async fn draft_cursor_requires_a_key(api: Api) {
    fill(&api, 9);
    let page = api.reader().get("/api/posts?limit=1&published=false").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    api.get(&format!("/api/posts?limit=1&published=false&cursor={cursor}")).await.problem(401, "key_required");
    api.get(&format!("/api/posts?limit=1&cursor={cursor}")).await.problem(400, "invalid_cursor");
}
