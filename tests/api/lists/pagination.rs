//! `GET /api/posts`: pages, and what they take.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Api, on_both};

/// Stores so many posts, in one import, and answers their ids, oldest first. Every third is a draft.
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

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()).collect()
}

/// The page that a cursor leads to.
async fn turn(api: &Api, query: &str, cursor: &Value) -> Value {
    api.get(&format!("/api/posts?{query}&cursor={}", cursor.as_str().unwrap())).await.json(200)
}

/// All pages in one direction, from the one given on.
async fn walk(api: &Api, query: &str, first: Value, direction: &str) -> Vec<Value> {
    let mut pages = vec![first];
    while pages[pages.len() - 1][direction].is_string() {
        let page = turn(api, query, &pages[pages.len() - 1][direction]).await;
        pages.push(page);
        assert!(pages.len() < 200, "the list does not end");
    }
    pages
}

#[on_both]
async fn an_empty_list_has_no_pages_beside_it(api: Api) {
    let page = api.get("/api/posts").await.json(200);
    assert_eq!(page, json!({"items": [], "next_cursor": null, "prev_cursor": null}));
}

#[on_both]
async fn a_page_has_twenty_published_posts_newest_first(api: Api) {
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
            let pages = walk(&reader, &query, first, "next_cursor").await;
            assert!(pages[..pages.len() - 1].iter().all(|page| ids(page).len() == limit), "{query}");
            assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), expected, "{query}");

            let back = walk(&reader, &query, pages[pages.len() - 1].clone(), "prev_cursor").await;
            let back: Vec<Value> = back.into_iter().rev().collect();
            assert_eq!(back, pages, "{query}");
        }
    }
}

#[on_both]
async fn pages_stay_in_place_while_posts_come_and_go(api: Api) {
    let all = newest_first(fill(&api, 60));
    let reader = api.reader();
    let query = "published=any&limit=10";
    let mut page = reader.get(&format!("/api/posts?{query}")).await.json(200);
    let mut seen = ids(&page);
    let mut deleted = BTreeSet::new();
    while page["next_cursor"].is_string() {
        // One comes on top; the one where the cursor stands and the one right behind it go.
        api.create(json!({"title": "On top"})).await;
        let last = seen[seen.len() - 1];
        for id in [last, last - 1] {
            api.editor().delete(&format!("/api/posts/{id}")).await.expect(204);
        }
        deleted.insert(last - 1);
        page = turn(&reader, query, &page["next_cursor"]).await;
        seen.extend(ids(&page));
    }
    let expected: Vec<i64> = all.into_iter().filter(|id| !deleted.contains(id)).collect();
    assert_eq!(seen, expected);
}

#[on_both]
async fn the_way_back_shows_what_came_on_top_meanwhile(api: Api) {
    fill(&api, 10);
    let reader = api.reader();
    let query = "published=any&limit=5";
    let first = reader.get(&format!("/api/posts?{query}")).await.json(200);
    let second = turn(&reader, query, &first["next_cursor"]).await;
    let new = api.create(json!({"title": "New"})).await;
    let back = turn(&reader, query, &second["prev_cursor"]).await;
    assert_eq!(ids(&back), ids(&first));
    let top = turn(&reader, query, &back["prev_cursor"]).await;
    assert_eq!(top["items"], json!([new]));
    assert_eq!(top["prev_cursor"], Value::Null);
    assert_eq!(turn(&reader, query, &top["next_cursor"]).await["items"], back["items"]);
}

#[on_both]
async fn a_cursor_works_with_another_limit(api: Api) {
    let all = newest_first(published(&fill(&api, 30)));
    let first = api.get("/api/posts?limit=3").await.json(200);
    let rest = turn(&api, "limit=100", &first["next_cursor"]).await;
    assert_eq!(ids(&rest), all[3..]);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[on_both]
async fn limit_is_a_whole_number_from_1_to_100(api: Api) {
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
async fn drafts_are_listed_only_for_those_with_a_key(api: Api) {
    let all = fill(&api, 6);
    for (filter, expected) in [("false", vec![6, 3]), ("any", newest_first(all))] {
        let path = format!("/api/posts?published={filter}");
        let refused = api.get(&path).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        refused.problem(401, "key_required");
        for key in [api.reader(), api.editor(), api.admin()] {
            assert_eq!(ids(&key.get(&path).await.json(200)), expected);
        }
    }
    assert_eq!(ids(&api.get("/api/posts?published=true").await.json(200)), [5, 4, 2, 1]);
    assert_eq!(ids(&api.reader().get("/api/posts").await.json(200)), [5, 4, 2, 1]);
}

#[on_both]
async fn a_wrong_parameter_is_refused_by_name(api: Api) {
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
    for query in ["limit=5&limit=6", "published=any&published=any"] {
        let problem = api.reader().get(&format!("/api/posts?{query}")).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().contains("more than once"), "{problem}");
    }
    let long = api.get(&format!("/api/posts?{}=1", "x".repeat(3000))).await;
    assert!(long.problem(400, "invalid_parameter")["detail"].as_str().unwrap().len() < 200);
}

#[on_both]
async fn a_cursor_that_was_cut_or_altered_is_refused(api: Api) {
    fill(&api, 5);
    let page = api.get("/api/posts?limit=2").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let altered = |at: usize| {
        let mut bytes = cursor.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut wrong = vec![
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
    wrong.extend([0, cursor.len() / 2, cursor.len() - 1].map(altered));
    for cursor in wrong {
        api.get(&format!("/api/posts?limit=2&cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
}

#[on_both]
async fn a_cursor_of_another_list_is_refused(api: Api) {
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
async fn a_cursor_into_drafts_needs_a_key_like_the_list_itself(api: Api) {
    fill(&api, 9);
    let page = api.reader().get("/api/posts?limit=1&published=false").await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    api.get(&format!("/api/posts?limit=1&published=false&cursor={cursor}")).await.problem(401, "key_required");
    api.get(&format!("/api/posts?limit=1&cursor={cursor}")).await.problem(400, "invalid_cursor");
}
