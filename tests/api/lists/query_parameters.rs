//! Query parameters that no list has: those of analytics tools, the notations of arrays, and misspelled names.

use posts_api::http::middleware::query::{IGNORED_NAMES, IGNORED_PREFIXES};
use serde_json::json;

use crate::support::contract::inlined_document;
use crate::support::{Api, ids, on_both};

async fn publish(api: &Api, slugs: &[&str]) {
    for slug in slugs {
        api.create(json!({"title": slug, "slug": slug, "tags": [slug], "authors": [slug], "published": true})).await;
    }
}

const LISTS: [&str; 4] = ["/api/posts", "/api/tags", "/api/authors", "/api/redirects"];

#[on_both]
async fn analytics_parameters_are_ignored(api: Api) {
    publish(&api, &["a", "b", "c"]).await;
    let prefixed = IGNORED_PREFIXES.map(|prefix| format!("{prefix}source"));
    for name in IGNORED_NAMES.iter().copied().chain(prefixed.iter().map(String::as_str)) {
        for path in LISTS {
            let ignored = api.get(&format!("{path}?limit=2&{name}=x%20y&{name}=z")).await.expect(200);
            let plain = api.get(&format!("{path}?limit=2")).await.expect(200);
            assert_eq!(ignored.text(), plain.text(), "{path} {name}");
            assert_eq!(ignored.header("link"), plain.header("link"), "{path} {name}");
        }
    }
    let reply = api.reader().get("/api/posts?published=any&utm_source=x").await.expect(200);
    assert!(!reply.header("link").unwrap().contains("utm"));
    api.head("/api/posts?gclid=x").await.expect(200);
    api.get("/api/posts?utm_source=x").header("origin", "https://example.org").await.expect(200);
}

#[on_both]
async fn repeatable_parameters_may_have_brackets(api: Api) {
    publish(&api, &["a", "b", "c"]).await;
    for name in ["slug", "tag", "author"] {
        let plain = api.get(&format!("/api/posts?{name}=a&{name}=b&limit=1")).await.json(200);
        for query in [
            format!("{name}[]=a&{name}[]=b"),
            format!("{name}%5B%5D=a&{name}%5B%5D=b"),
            format!("{name}[0]=a&{name}[1]=b"),
            format!("{name}%5B1%5D=b&{name}%5B0%5D=a"),
            format!("{name}=a&{name}[]=b"),
        ] {
            let page = api.get(&format!("/api/posts?{query}&limit=1")).await.json(200);
            assert_eq!(page, plain, "{query}");
            let next = format!("/api/posts?{query}&limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
            assert_eq!(ids(&api.get(&next).await.json(200)), [1], "{next}");
        }
    }
}

#[on_both]
async fn other_parameters_must_not_have_brackets(api: Api) {
    for (name, value) in [("limit", "1"), ("sort", "id"), ("published_after", "2026-01-01T00:00:00Z"), ("q", "a")] {
        for brackets in ["[]", "[0]", "%5B%5D"] {
            let problem =
                api.get(&format!("/api/posts?{name}{brackets}={value}")).await.problem(400, "invalid_parameter");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.ends_with(&format!("{name} must not be a list; send it once, without brackets")),
                "{detail}"
            );
        }
    }
    let problem = api.get("/api/posts?limit=1&limit=2").await.problem(400, "invalid_parameter");
    assert_eq!(problem["detail"], "limit: must not be repeated");
}

#[on_both]
async fn unknown_parameters_suggest_the_nearest_name(api: Api) {
    for (path, detail) in [
        ("/api/posts?Limit=1", "Limit: unknown parameter; did you mean limit?"),
        ("/api/posts?publishedAfter=x", "publishedAfter: unknown parameter; did you mean published_after?"),
        ("/api/posts?utm_source=x&tags=a", "tags: unknown parameter; did you mean tag?"),
        (
            "/api/posts?utm-source=x&slug[a]=b",
            "utm-source: unknown parameter; use limit, cursor, sort, published, slug, ",
        ),
        ("/api/tags?page=2", "page: unknown parameter; use limit, cursor, sort, q"),
        ("/api/redirects?cursors=2", "cursors: unknown parameter; did you mean cursor?"),
    ] {
        let problem = api.get(path).await.problem(400, "invalid_parameter");
        assert!(problem["detail"].as_str().unwrap().starts_with(detail), "{path}: {}", problem["detail"]);
    }
}

#[test]
fn no_parameter_of_a_list_is_ignored() {
    for path in LISTS {
        for parameter in inlined_document()["paths"][path]["get"]["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            assert!(!IGNORED_NAMES.contains(&name), "{path} {name}");
            assert!(!IGNORED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)), "{path} {name}");
        }
    }
}

#[test]
fn ignored_parameters_are_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/api/stability.md")).unwrap();
    for name in IGNORED_NAMES {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for prefix in IGNORED_PREFIXES {
        assert!(page.contains(&format!("`{prefix}`")), "{prefix}");
    }
}
