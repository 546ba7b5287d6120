//! Which browser pages may call the API.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use crate::support::{Api, Reply, TestDatabase, on_both};

const SITE: &str = "https://site.example";
const OTHER: &str = "https://other.example";

async fn preflight(api: &Api, origin: &str, method: &str, headers: &str) -> Reply {
    let call = api.call(Method::OPTIONS, "/api/posts").header("origin", origin);
    let call = call.header("access-control-request-method", method);
    if headers.is_empty() { call.await } else { call.header("access-control-request-headers", headers).await }
}

fn names(list: Option<&str>) -> BTreeSet<String> {
    list.unwrap_or_default().split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
}

/// What a browser asks of the answer to a preflight.
fn lets_through(reply: &Reply, origin: &str, method: &str) -> bool {
    let allowed_origin = reply.header("access-control-allow-origin");
    (200..300).contains(&reply.status)
        && (allowed_origin == Some("*") || allowed_origin == Some(origin))
        && names(reply.header("access-control-allow-methods")).contains(&method.to_lowercase())
}

#[on_both]
async fn any_origin_may_read_without_credentials(api: Api) {
    api.create(json!({"title": "Open", "published": true})).await;
    for path in
        ["/api/posts", "/api/posts/by-slug/open", "/api/openapi.json", "/nowhere", "/api/posts?limit=0", "/api/keys"]
    {
        let reply = api.get(path).header("origin", SITE).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), None, "{path}");
    }
    for method in ["GET", "HEAD"] {
        let reply = preflight(&api, SITE, method, "authorization,if-none-match").await;
        assert!(lets_through(&reply, SITE, method), "{method}: {reply:?}");
        let headers = names(reply.header("access-control-allow-headers"));
        assert!(headers.is_superset(&names(Some("authorization,if-none-match"))), "{headers:?}");
    }
}

#[on_both]
async fn unlisted_origin_may_not_write(api: Api) {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let reply = preflight(&api, SITE, method, "authorization,content-type").await;
        assert!(!lets_through(&reply, SITE, method), "{method}: {reply:?}");
    }
}

#[on_both]
async fn scripts_may_read_the_documented_headers(api: Api) {
    let reply = api.get("/api/posts").header("origin", SITE).await;
    let exposed = names(reply.header("access-control-expose-headers"));
    let expected = "etag, link, location, retry-after, idempotency-replayed, ratelimit, ratelimit-policy, x-request-id";
    assert_eq!(exposed, names(Some(expected)));
}

#[on_both]
async fn listed_origin_may_read_and_write(database: TestDatabase) {
    let origins = vec![SITE.to_owned(), "http://localhost:4321".to_owned()];
    let api = Api::start(&Arc::new(database), |config| config.cors_allowed_origins = Some(origins.clone()));
    for origin in &origins {
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
            let reply = preflight(&api, origin, method, "authorization,content-type,if-match").await;
            assert!(lets_through(&reply, origin, method), "{origin} {method}: {reply:?}");
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin.as_str()));
        }
        let reply = api.editor().post("/api/posts", &json!({"title": "x"})).header("origin", origin).await.expect(201);
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin.as_str()));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        // Otherwise a cache would serve one origin's answer to another.
        assert!(names(reply.header("vary")).contains("origin"), "{reply:?}");
    }
    for origin in [OTHER, "https://site.example.evil.example", "http://site.example", "null"] {
        assert!(!lets_through(&preflight(&api, origin, "GET", "").await, origin, "GET"), "{origin}");
        let reply = api.get("/api/posts").header("origin", origin).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
    }
    // Not a browser's page: the service's own docs page, curl, an SDK.
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn rejected_preflight_returns_a_problem(api: Api) {
    preflight(&api, SITE, "POST", "").await.problem(400, "origin_not_allowed");
}
