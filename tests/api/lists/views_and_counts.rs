//! `view` and `count`, and the errors of parameters.

use serde_json::{Value, json};

use crate::support::{Api, Engine, on_both};

pub(super) async fn list(api: &Api, query: &str) -> Value {
    api.reader().get(&format!("/api/posts?{query}")).await.json(200)
}

/// The only summary in the list.
async fn summary(api: &Api) -> Value {
    let page = list(api, "view=summary&published=any").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    page["items"][0].clone()
}

/// Inserts published posts with the ids from 1 to `posts`, except those that match the SQL condition `excluded`.
fn insert(api: &Api, posts: i64, excluded: &str) {
    let numbers = match api.engine() {
        Engine::Sqlite => format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {posts})"),
        Engine::Postgres => format!("WITH n (n) AS (SELECT generate_series(1, {posts}))"),
    };
    let columns = "(id, slug, title, published, published_at)";
    api.server.database.execute(&format!(
        "INSERT INTO posts {columns} {numbers} SELECT n, 'post-' || n, 'Post', TRUE, '2026-01-01T00:00:00.000000Z' {}
         FROM n WHERE NOT ({excluded})",
        if api.engine() == Engine::Postgres { "::timestamptz" } else { "" },
    ));
}

#[on_both]
async fn summary_has_an_excerpt_instead_of_content(api: Api) {
    let content = "# Hello\n\nSome *text* with a [link](https://example.org).\n\n```\ncode\n```\n";
    let post = api.create(json!({"title": "Hello", "content": content, "published": true})).await;
    let mut expected = post.clone();
    expected.as_object_mut().unwrap().remove("content");
    expected["excerpt"] = json!("Some text with a link.");
    assert_eq!(summary(&api).await, expected);
    let full = list(&api, "view=full").await;
    assert_eq!(full["items"], json!([post]));
    assert_eq!(list(&api, "").await, full);
}

#[on_both]
async fn excerpt_ends_at_a_word_within_200_characters(api: Api) {
    for (content, excerpt) in [
        (json!("word ".repeat(100)), format!("{}…", "word ".repeat(40).trim_end())),
        (json!("é".repeat(300)), format!("{}…", "é".repeat(199))),
        (json!(format!("{} end", "x".repeat(196))), format!("{} end", "x".repeat(196))),
        (json!(format!("{} end", "x".repeat(197))), format!("{}…", "x".repeat(197))),
        (json!("🦀 ".repeat(100_000)), format!("{}…", "🦀 ".repeat(100).trim_end())),
        (json!(" \n a \t b \n\n c "), "a b c".to_owned()),
        (json!("<script>alert(1)</script>"), String::new()),
        (json!(""), String::new()),
        (Value::Null, String::new()),
    ] {
        let post = api.create(json!({"title": "Long", "content": content})).await;
        let actual = summary(&api).await["excerpt"].as_str().unwrap().to_owned();
        assert_eq!(actual, excerpt);
        assert!(actual.chars().count() <= 200);
        api.editor().delete(&format!("/api/posts/{}", post["id"])).await.expect(204);
    }
}

#[on_both]
async fn excerpt_follows_every_content_change(api: Api) {
    let (editor, database) = (api.editor(), &api.server.database);
    let post = api.create(json!({"title": "T", "slug": "t", "content": "one"})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let excerpt = async || summary(&api).await["excerpt"].as_str().unwrap().to_owned();
    assert_eq!(excerpt().await, "one");
    editor.patch(&path, &json!({"title": "Other"})).await.expect(200);
    assert_eq!(excerpt().await, "one");
    editor.patch(&path, &json!({"content": "*two*"})).await.expect(200);
    assert_eq!(excerpt().await, "two");
    editor.put("/api/posts/by-slug/t", &json!({"title": "T", "content": "three"})).await.expect(200);
    assert_eq!(excerpt().await, "three");
    let batch = json!({"posts": [{"title": "T", "slug": "t", "content": "`four`"}], "on_conflict": "replace"});
    editor.post("/api/posts/batch", &batch).await.expect(200);
    assert_eq!(excerpt().await, "four");
    editor.patch(&path, &json!({"content": null})).await.expect(200);
    assert_eq!(excerpt().await, "");
    // External writers do not compute excerpts.
    database.execute("UPDATE posts SET content = '**five** with SQL'");
    assert_eq!(excerpt().await, "five with SQL");
    database.execute("UPDATE posts SET content = 'six'");
    assert_eq!(excerpt().await, "six");
    database.execute("DELETE FROM posts");
    database.execute("INSERT INTO posts (slug, title, content) VALUES ('external', 'External', '# seven')");
    assert_eq!(excerpt().await, "seven");
    let long = "é ".repeat(5000);
    database.execute(&format!("UPDATE posts SET content = '{long}'"));
    assert_eq!(excerpt().await, format!("{}…", "é ".repeat(100).trim_end()));
    database.execute("UPDATE posts SET content = NULL");
    assert_eq!(excerpt().await, "");
}

#[on_both]
async fn total_is_returned_only_on_request(api: Api) {
    for title in ["a", "b", "c"] {
        api.create(json!({"title": title, "content": title, "published": title != "c"})).await;
    }
    for query in ["", "count=none"] {
        let page = list(&api, query).await;
        assert!(page.get("total").is_none() && page.get("total_is_estimate").is_none(), "{page}");
    }
    for count in ["exact", "estimated"] {
        for (query, total) in [
            ("", 2),
            ("limit=1", 2),
            ("published=any", 3),
            ("published=false", 1),
            ("q=a", 1),
            ("q=c", 0),
            ("slug=a&slug=c", 1),
            ("q=c&published=any", 1),
            ("published_after=2999-01-01T00:00:00Z", 0),
            ("view=summary&limit=1&sort=title", 2),
        ] {
            let page = list(&api, &format!("{query}&count={count}")).await;
            assert_eq!((&page["total"], &page["total_is_estimate"]), (&json!(total), &json!(false)), "{query} {count}");
        }
    }
}

#[on_both]
async fn estimated_total_is_exact_up_to_10_000_posts(api: Api) {
    insert(&api, 10_000, "FALSE");
    let total = async |query: &str| {
        let page = list(&api, &format!("limit=1&{query}")).await;
        (page["total"].as_i64().unwrap(), page["total_is_estimate"].as_bool().unwrap())
    };
    assert_eq!(total("count=estimated").await, (10_000, false));
    assert_eq!(total("count=estimated&published=any").await, (10_000, false));
    api.server.database.import(&[json!({"id": 10_001, "title": "Post", "published": true})]);
    let (estimate, is_estimate) = total("count=estimated").await;
    assert!(is_estimate && (10_001..11_000).contains(&estimate), "{estimate}");
    assert_eq!(total("count=exact").await, (10_001, false));
    // Every third of 48,000 ids exists, so the estimate extrapolates from the newest ids.
    api.server.database.execute("DELETE FROM posts");
    insert(&api, 48_000, "n % 3 <> 0");
    let (estimate, is_estimate) = total("count=estimated").await;
    assert!(is_estimate && (15_000..17_000).contains(&estimate), "{estimate}");
    assert_eq!(total("count=exact").await, (16_000, false));
    assert_eq!(total("count=estimated&published=false").await, (0, false));
}

#[on_both]
async fn invalid_parameter_is_named_in_the_error(api: Api) {
    for (query, name) in [
        ("sort=-slug", "sort"),
        ("sort=ID", "sort"),
        ("sort=", "sort"),
        ("sort=id,title", "sort"),
        ("sort=id&sort=id", "sort"),
        ("sort=relevance", "sort"),
        ("sort=-relevance&q=a", "sort"),
        ("sort=id;drop%20table%20posts", "sort"),
        ("view=short", "view"),
        ("view=full&view=full", "view"),
        ("count=true", "count"),
        ("count=exact&count=exact", "count"),
        ("slug=Not-A-Slug", "slug"),
        ("slug=", "slug"),
        ("published_after=yesterday", "published_after"),
        ("published_before=2026-01-01", "published_before"),
        ("updated_after=", "updated_after"),
        ("updated_before=2026-01-01T00:00:00+01:00", "updated_before"),
        ("q=a&q=b", "q"),
        ("search=a", "search"),
        ("order=id", "order"),
        ("offset=10", "offset"),
        ("page=2", "page"),
        ("published_at=2026-01-01T00:00:00Z", "published_at"),
        ("limit=1&unknown", "unknown"),
        ("Q=a", "Q"),
        ("slug[]=", "slug"),
        ("limit[]=1", "limit[]"),
        ("tag=", "tag"),
        ("tag=%20%09", "tag"),
        ("tag=a&tag=", "tag"),
        ("tag=a%00b", "tag"),
        ("tag=a%7f", "tag"),
        ("tags=a", "tags"),
        ("tag[a]=a", "tag[a]"),
        ("Tag=a", "Tag"),
        ("author=", "author"),
        ("author=%0a", "author"),
        ("authors=a", "authors"),
        ("author=a%C2%85b&author=%C2%9F", "author"),
        ("published_after=2026-01-01T00:00:00Z&published_after=2026-01-01T00:00:00Z", "published_after"),
    ] {
        let problem = api.get(&format!("/api/posts?{query}")).await.problem(400, "invalid_parameter");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{name}: ")), "{query}: {detail}");
    }
}
