//! The filters of a list, and how cursors depend on them.

use serde_json::json;

use super::views_and_counts::list;
use crate::support::{Api, ids, on_both};

#[on_both]
async fn slug_filter_accepts_at_most_100_slugs(api: Api) {
    let slugs = |count: usize| (0..count).map(|n| format!("slug=s{n}")).collect::<Vec<_>>().join("&");
    api.get(&format!("/api/posts?{}", slugs(100))).await.expect(200);
    api.get(&format!("/api/posts?{}", slugs(101))).await.problem(400, "invalid_parameter");
}

#[on_both]
async fn label_filters_accept_10_labels_of_limited_length(api: Api) {
    for (name, max_length) in [("tag", 100), ("author", 200)] {
        let labels = |count: usize| (0..count).map(|n| format!("{name}=l{n}")).collect::<Vec<_>>().join("&");
        let length = |length: usize| format!("{name}={}", "%C3%A9".repeat(length));
        for query in [labels(10), length(max_length), format!("{name}={}", "e%CC%81".repeat(max_length))] {
            api.get(&format!("/api/posts?{query}")).await.expect(200);
        }
        // A repeated label counts too.
        for query in [labels(11), [labels(10), labels(1)].join("&"), length(max_length + 1)] {
            let problem = api.get(&format!("/api/posts?{query}")).await.problem(400, "invalid_parameter");
            assert!(problem["detail"].as_str().unwrap().starts_with(&format!("{name}: ")), "{problem}");
        }
    }
}

#[on_both]
async fn label_filters_ignore_form_white_space_and_ascii_case(api: Api) {
    api.create(json!({"title": "1", "published": true, "tags": ["Web Dev", "\u{e9}t\u{e9}"], "authors": ["C++"]}))
        .await;
    api.create(json!({"title": "2", "published": true, "tags": ["\u{c9}T\u{c9}"], "authors": ["Web Dev", "C"]})).await;
    api.create(json!({"title": "3", "tags": ["web dev"], "authors": ["c++"]})).await;
    for (query, expected) in [
        ("tag=web+dev", &[1][..]),
        ("tag=+WEB%09%0A+dev+", &[1]),
        ("tag=webdev", &[]),
        ("tag=web", &[]),
        ("tag=e%CC%81te%CC%81", &[1]),
        ("tag=%C3%A9T%C3%A9", &[1]),
        ("tag=%C3%89t%C3%89", &[2]),
        ("tag=%C3%89t%C3%89&tag=Web+dev&tag=web+DEV", &[2, 1]),
        ("author=c%2B%2B", &[1]),
        ("author=c", &[2]),
        ("author=web+dev", &[2]),
        ("tag=web+dev&author=web+dev", &[]),
        ("tag=web+dev&author=c%2b%2b", &[1]),
        ("tag=%25", &[]),
        ("tag=w_b+dev", &[]),
    ] {
        assert_eq!(ids(&list(&api, query).await), expected, "{query}");
    }
    assert_eq!(ids(&list(&api, "tag=web+dev&published=any&sort=id").await), [1, 3]);
    assert_eq!(ids(&list(&api, "author=c%2b%2b&published=false").await), [3]);
}

/// A cursor of the release before the filters on tags and authors, for `limit=1` with posts 3 and 2.
const EARLIER_CURSOR: &str = "eyJsIjoyOTc3ODIzNzQ4Mzk0ODQyLCJiIjpmYWxzZSwiciI6ZmFsc2UsImsiOiJpIiwiaSI6M31E3ZJ3jWg";

#[on_both]
async fn cursor_from_before_label_filters_stays_valid(api: Api) {
    for title in ["One", "Two", "Three"] {
        api.create(json!({"title": title, "published": true, "tags": ["a"]})).await;
    }
    let page = list(&api, &format!("limit=1&cursor={EARLIER_CURSOR}")).await;
    assert_eq!(ids(&page), [2]);
    for filter in ["tag=a", "author=a"] {
        let path = format!("/api/posts?{filter}&cursor={EARLIER_CURSOR}");
        api.get(&path).await.problem(400, "invalid_cursor");
    }
}

#[on_both]
async fn time_filters_accept_any_utc_offset(api: Api) {
    api.server.database.import(&[json!({
        "title": "Ten", "published": true, "published_at": "2026-01-31T10:00:00Z",
        "updated_at": "2026-01-31T10:00:00.000001Z",
    })]);
    for (query, found) in [
        ("published_after=2026-01-31T12:00:00%2B02:00", 0),
        ("published_after=2026-01-31T11:59:59.999999%2B02:00", 1),
        ("published_before=2026-01-31T10:00:00Z", 0),
        ("published_before=2026-01-31T05:00:00.000001-05:00", 1),
        ("updated_after=2026-01-31T10:00:00Z", 1),
        ("updated_after=2026-01-31T10:00:00.000001Z", 0),
        ("updated_before=2026-01-31T10:00:00.000002Z&updated_after=2026-01-31T10:00:00Z", 1),
        ("published_after=0001-01-01T00:00:00Z", 1),
        ("published_before=9999-12-30T00:00:00Z", 1),
    ] {
        assert_eq!(ids(&list(&api, query).await).len(), found, "{query}");
    }
}

/// A cursor starts with a hash of filter and order. A new parameter must not change it for lists without the parameter.
#[on_both]
async fn cursor_of_an_earlier_release_remains_valid(api: Api) {
    let cursor = "eyJsIjoyOTc3ODIzNzQ4Mzk0ODQyLCJiIjpmYWxzZSwiciI6ZmFsc2UsImsiOiJpIiwiaSI6M31E3ZJ3jWg";
    list(&api, &format!("cursor={cursor}")).await;
    api.get(&format!("/api/posts?slug=a&cursor={cursor}")).await.problem(400, "invalid_cursor");
}

#[on_both]
async fn cursor_is_bound_to_its_filter_and_sort(api: Api) {
    for number in 0..8 {
        api.create(json!({"title": format!("word {number}"), "published": number % 4 != 0, "tags": ["a", "b"],
            "authors": ["a"]}))
            .await;
    }
    let lists = [
        "", "sort=id", "sort=title", "sort=-title", "sort=published_at", "sort=updated_at", "published=any",
        "published=false", "q=word", "q=word&sort=-id", "published_after=2001-01-01T00:00:00Z",
        "updated_after=2001-01-01T00:00:00Z", "published_before=2999-01-01T00:00:00Z",
        "slug=word-1&slug=word-2&slug=word-3", "tag=a", "tag=b", "tag=a&tag=b", "author=a", "tag=a&author=a",
        "tag=a&published=any", "tag=a&sort=id",
    ];
    let mut cursors = Vec::new();
    for list_query in lists {
        let page = list(&api, &format!("limit=1&{list_query}")).await;
        cursors.push((list_query, page["next_cursor"].as_str().unwrap().to_owned()));
    }
    for (query, cursor) in &cursors {
        for other in lists {
            let reply = api.reader().get(&format!("/api/posts?{other}&cursor={cursor}")).await;
            if *query == other {
                reply.expect(200);
            } else {
                reply.problem(400, "invalid_cursor");
            }
        }
        // These parameters change neither the filter nor the sort.
        for rest in ["limit=7", "view=summary", "count=exact", "limit=3&view=full&count=estimated"] {
            list(&api, &format!("{query}&{rest}&cursor={cursor}")).await;
            list(&api, &format!("cursor={cursor}&{rest}&{query}")).await;
        }
    }
    // Equal filters and sorts in different notations.
    for (query, equivalent) in [
        ("slug=word-1&slug=word-2&slug=word-3", "slug=word-3&slug=word-1&slug=word-2"),
        ("", "published=true&sort=-id"),
        ("tag=a&tag=b", "tag=B&tag=+a&tag=A"),
        ("tag=a&author=a", "author=A&tag=A"),
        ("q=word", "q=word&sort=relevance"),
        ("published_after=2001-01-01T00:00:00Z", "published_after=2001-01-01T01:00:00%2B01:00"),
    ] {
        let (_, cursor) = cursors.iter().find(|(made_for, _)| *made_for == query).unwrap();
        list(&api, &format!("{equivalent}&cursor={cursor}")).await;
    }
}

#[on_both]
async fn times_after_the_latest_supported_one_are_rejected(api: Api) {
    let post = api.create(json!({"title": "Late"})).await;
    let publish = format!("/api/posts/{}/publish", post["id"]);
    let editor = api.editor();
    let rejected = editor.post(&publish, &json!({"at": "9999-12-31T23:59:59-00:01"})).await;
    assert_eq!(rejected.problem(422, "validation_failed")["errors"][0]["pointer"], "/at");
    let scheduled = editor.post(&publish, &json!({"at": "9999-12-31T23:59:59Z"})).await.json(200);
    assert_eq!(scheduled["scheduled_for"], "9999-12-31T23:59:59.000000Z");
    api.get("/api/posts?published_before=9999-12-31T23:59:59Z").await.expect(200);
    api.get("/api/posts?published_after=9999-12-31T23:59:59-00:01").await.problem(400, "invalid_parameter");
}
