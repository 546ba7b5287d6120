//! Security headers on every response, and no response header that identifies the server software.

use reqwest::Method;
use serde_json::json;

use crate::support::{Api, Reply, on_both};

const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

#[track_caller]
fn check(reply: &Reply) {
    let line = &reply.line;
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{line}");
    let policies: Vec<_> = reply.headers.get_all("content-security-policy").iter().collect();
    assert_eq!(policies.len(), 1, "{line}: {policies:?}");
    let policy = policies[0].to_str().unwrap();
    let is_docs = line.ends_with(" /docs") && reply.status == 200;
    assert!(policy.contains("frame-ancestors 'none'"), "{line}: {policy}");
    assert_eq!(policy == API_POLICY, !is_docs, "{line}: {policy}");
    assert_eq!(reply.header("referrer-policy"), is_docs.then_some("no-referrer"), "{line}");
    for name in ["server", "x-powered-by", "via", "set-cookie"] {
        assert_eq!(reply.header(name), None, "{line}");
    }
    for (name, value) in &reply.headers {
        let value = value.to_str().unwrap().to_lowercase();
        assert!(!value.contains("actix") && !value.contains(env!("CARGO_PKG_VERSION")), "{line}, {name}: {value}");
    }
}

#[on_both]
async fn every_response_has_the_security_headers(api: Api) {
    let post = api.create(json!({"title": "Headers", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    for _uncached_then_cached in 0..2 {
        for path in [
            "/api/posts", &path, "/api/posts/99", "/api/posts?limit=0", "/api/openapi.json", "/docs", "/docs/page.js",
            "/docs/page.css", "/docs/nothing", "/problems/not_found", "/health/live", "/health/ready", "/", "/nowhere",
            "/api/keys",
        ] {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::DELETE] {
                if method != Method::DELETE || !path.starts_with("/api/posts/") {
                    check(&api.call(method, path).await);
                }
            }
            check(&api.get(path).header("accept-encoding", "gzip").await);
        }
        check(&api.get(&path).header("if-none-match", &tag).await.expect(304));
    }
    check(&api.editor().patch(&path, &json!({"title": "x"})).await.expect(200));
    check(&api.editor().call(Method::POST, "/api/posts").body("application/json", "{").await.expect(400));
    let preflight = api.call(Method::OPTIONS, "/api/posts").header("origin", "https://example.org");
    check(&preflight.header("access-control-request-method", "GET").await.expect(200));
    let preflight = api.call(Method::OPTIONS, "/api/posts").header("origin", "https://example.org");
    check(&preflight.header("access-control-request-method", "DELETE").await.expect(400));
    check(&api.editor().delete(&path).await.expect(204));
}

#[on_both]
async fn docs_policy_allows_requests_to_this_service_only(api: Api) {
    let page = api.get("/docs").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
    assert!(policy.contains("; connect-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert_eq!(policy.matches("unsafe-inline").count(), 1, "{policy}");
}
