//! CORS: which origins may read and write, and which headers their scripts may use.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use crate::support::{Api, Reply, TestDatabase, on_both, raw};

const SITE: &str = "https://site.example";
const UNLISTED: &str = "https://other.example";

fn start_with_origins(database: TestDatabase, origins: &[&str]) -> Api {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Api::start(&Arc::new(database), |config| config.cors_allowed_origins = Some(origins))
}

async fn preflight(api: &Api, origin: &str, method: &str, headers: &str) -> Reply {
    let call = api.call(Method::OPTIONS, "/api/posts").header("origin", origin);
    let call = call.header("access-control-request-method", method);
    if headers.is_empty() { call.await } else { call.header("access-control-request-headers", headers).await }
}

fn names(list: Option<&str>) -> BTreeSet<String> {
    list.unwrap_or_default().split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
}

/// Whether a browser would send the request after this preflight response.
fn allows(reply: &Reply, origin: &str, method: &str) -> bool {
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
        assert!(allows(&reply, SITE, method), "{method}: {reply:?}");
        let headers = names(reply.header("access-control-allow-headers"));
        assert!(headers.is_superset(&names(Some("authorization,if-none-match"))), "{headers:?}");
    }
}

#[on_both]
async fn unlisted_origin_may_not_write(api: Api) {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let reply = preflight(&api, SITE, method, "authorization,content-type").await;
        assert!(!allows(&reply, SITE, method), "{method}: {reply:?}");
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
    let origins = [SITE, "http://localhost:4321"];
    let api = start_with_origins(database, &origins);
    for origin in origins {
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
            let reply = preflight(&api, origin, method, "authorization,content-type,if-match").await;
            assert!(allows(&reply, origin, method), "{origin} {method}: {reply:?}");
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        }
        let reply = api.editor().post("/api/posts", &json!({"title": "x"})).header("origin", origin).await.expect(201);
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        // Without it, a cache would serve one origin's response to another.
        assert!(names(reply.header("vary")).contains("origin"), "{reply:?}");
    }
}

#[on_both]
async fn unlisted_origin_may_do_nothing_where_origins_are_listed(database: TestDatabase) {
    let api = start_with_origins(database, &[SITE]);
    for origin in [UNLISTED, "https://site.example.evil.example", "http://site.example", "null"] {
        assert!(!allows(&preflight(&api, origin, "GET", "").await, origin, "GET"), "{origin}");
        let reply = api.get("/api/posts").header("origin", origin).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
    }
    // Clients without an origin: the docs page of the server itself, curl, an SDK.
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn preflights_name_the_headers_of_browser_sdks(api: Api) {
    for requested in [
        "traceparent", "traceparent,tracestate,baggage", "baggage,sentry-trace", "x-requested-with",
        "cache-control,pragma", "Accept, Accept-Language,Content-Language", "x-datadog-trace-id,x-datadog-parent-id",
        "b3", "x-b3-traceid,x-b3-spanid", "if-match,idempotency-key,TraceParent",
    ] {
        let reply = preflight(&api, SITE, "GET", requested).await;
        assert!(allows(&reply, SITE, "GET"), "{requested}: {reply:?}");
        let allowed = names(reply.header("access-control-allow-headers"));
        assert!(allowed.is_superset(&names(Some(requested))), "{requested}: {allowed:?}");
    }
}

#[on_both]
async fn preflights_for_other_headers_do_not_allow_them(database: TestDatabase) {
    let database = Arc::new(database);
    let listed = Api::start(&database, |config| config.cors_allowed_origins = Some(vec![SITE.to_owned()]));
    for api in [Api::start(&database, |_| {}), listed] {
        for requested in ["x-forwarded-for,traceparent", "forwarded", "x-unknown", "x-http-method-override"] {
            let reply = preflight(&api, SITE, "GET", requested).await;
            assert!(allows(&reply, SITE, "GET"), "{requested}: {reply:?}");
            let allowed = names(reply.header("access-control-allow-headers"));
            let unexpected =
                names(Some(requested)).into_iter().find(|name| name != "traceparent" && allowed.contains(name));
            assert_eq!(unexpected, None, "{requested}");
            assert!(allowed.contains("traceparent"));
        }
        let plain = api.get("/api/posts").header("origin", SITE).header("traceparent", "x").await.expect(200);
        assert_eq!(plain.header("access-control-allow-headers"), None);
    }
}

#[on_both]
async fn rejected_preflight_returns_a_problem(api: Api) {
    preflight(&api, SITE, "POST", "").await.problem(400, "origin_not_allowed");
}

/// Each worker thread has its own CORS middleware, and the server spreads connections over the workers.
#[on_both]
async fn header_lists_have_one_order_on_every_connection(database: TestDatabase) {
    const CONNECTIONS: usize = 40;
    let api = start_with_origins(database, &[SITE]);
    let get = format!("GET /api/posts HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nConnection: close\r\n\r\n");
    let preflight = format!(
        "OPTIONS /api/posts HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization,content-type,if-match\r\nConnection: close\r\n\r\n"
    );
    for (request, header, length) in [
        (&get, "access-control-expose-headers", 8),
        (&preflight, "access-control-allow-headers", 51),
        (&preflight, "access-control-allow-methods", 6),
    ] {
        let values: BTreeSet<String> = (0..CONNECTIONS)
            .map(|_| raw::reply(api.server.address, request.as_bytes()).header(header).unwrap().to_owned())
            .collect();
        assert_eq!(values.len(), 1, "{header}: {values:#?}");
        assert!(values.iter().all(|value| names(Some(value)).len() == length), "{header}: {values:#?}");
    }
}
