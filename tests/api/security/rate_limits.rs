//! Rate limits: which requests count, which of them belong to one client, and the response to a limited client.

use std::sync::Arc;

use posts_api::config::{Config, Rate, RateLimit};
use reqwest::Method;
use serde_json::json;

use crate::support::program::Sandbox;
use crate::support::{Api, Call, Reply, TestDatabase, http_client, on_both};

const HOUR: u32 = 3600;

/// No quota is restored within a test.
pub(super) fn per_hour(count: u32) -> Rate {
    Rate { count, period: HOUR }
}

/// More than a test sends.
pub(super) const UNLIMITED: Rate = Rate { count: Rate::MAX, period: 1 };

fn reads(count: u32) -> RateLimit {
    RateLimit { reads: per_hour(count), writes: UNLIMITED, failures: UNLIMITED }
}

/// A server that trusts the test as its proxy, so that a test can use any client address.
pub(super) fn start(database: TestDatabase, limit: RateLimit) -> Api {
    Api::start(&Arc::new(database), with_proxies(&["127.0.0.1/32", "10.0.0.0/8"], limit))
}

fn with_proxies(proxies: &[&str], limit: RateLimit) -> impl FnOnce(&mut Config) {
    let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
    move |config| {
        config.rate_limit = Some(limit);
        config.trusted_proxies = proxies;
    }
}

/// Sends the request as if from this client address.
pub(super) fn from(call: Call, address: &str) -> Call {
    call.header("x-forwarded-for", address)
}

/// Asserts a 429 problem response whose headers and detail state this limit.
#[track_caller]
pub(super) fn assert_limited(reply: Reply, limit: &str, count: u32) {
    let policy = format!("\"{limit}\";q={count};w={HOUR}");
    assert_eq!(reply.header("ratelimit-policy"), Some(policy.as_str()), "{}", reply.line);
    let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=HOUR / count).contains(&seconds), "{seconds}");
    let state = format!("\"{limit}\";r=0;t={seconds}");
    assert_eq!(reply.header("ratelimit"), Some(state.as_str()), "{}", reply.line);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let problem = reply.problem(429, "rate_limited");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("{count} {limit} per {HOUR} s")), "{detail}");
}

#[on_both]
async fn reads_beyond_the_limit_return_429(database: TestDatabase) {
    let api = start(database, reads(3));
    for _ in 0..3 {
        // The cache serves the second and the third response.
        api.get("/api/posts").await.expect(200);
    }
    for path in ["/api/posts", "/api/posts/1", "/api/openapi.json", "/docs", "/problems/not_found", "/", "/nowhere"] {
        assert_limited(api.get(path).await, "reads", 3);
    }
    let head = api.head("/api/posts").await.expect(429);
    assert!(head.body.is_empty() && head.header("retry-after").is_some());
    assert_limited(api.call(Method::OPTIONS, "/api/posts").await, "reads", 3);
}

#[on_both]
async fn every_kind_of_read_counts(database: TestDatabase) {
    let api = start(database, reads(1));
    let calls = [
        (Method::GET, "/api/posts/1", 404),
        (Method::HEAD, "/api/posts", 200),
        (Method::OPTIONS, "/api/posts", 204),
        (Method::GET, "/api/openapi.json", 200),
        (Method::GET, "/docs", 200),
        (Method::GET, "/problems/slug_taken", 200),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/api/posts?limit=0", 400),
        (Method::GET, "/api/keys", 401),
    ];
    for (number, (method, path, status)) in calls.into_iter().enumerate() {
        for (network, invalid_key) in [(1, None), (2, Some("Bearer wrong"))] {
            let address = format!("192.0.{network}.{number}");
            let call = from(api.call(method.clone(), path), &address);
            let reply = match invalid_key {
                None => call.await,
                Some(key) => call.header("authorization", key).await,
            };
            assert!([status, 401].contains(&reply.status), "{}: {}", reply.line, reply.status);
            assert_limited(from(api.get("/api/posts"), &address).await, "reads", 1);
        }
    }
}

#[on_both]
async fn reads_and_writes_are_counted_separately(database: TestDatabase) {
    let api = start(database, RateLimit { reads: per_hour(2), writes: per_hour(1), failures: UNLIMITED });
    let editor = api.editor();
    let post = json!({"title": "One"});
    editor.post("/api/posts", &post).await.expect(201);
    assert_limited(editor.post("/api/posts", &post).await, "writes", 1);
    assert_limited(editor.delete("/api/posts/1").await, "writes", 1);
    assert_limited(editor.put("/api/posts/by-slug/two", &post).await, "writes", 1);
    assert_limited(editor.patch("/api/posts/1", &post).await, "writes", 1);
    for _ in 0..2 {
        assert_eq!(editor.get("/api/posts/1").await.json(200)["title"], "One");
    }
    assert_limited(editor.get("/api/posts/1").await, "reads", 2);
    // Anonymous writes count as well.
    api.post("/api/posts", &post).await.problem(401, "key_required");
    assert_limited(api.post("/api/posts", &post).await, "writes", 1);
    assert_limited(api.post_empty("/nowhere").await, "writes", 1);
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn each_key_is_counted_separately_from_any_address(database: TestDatabase) {
    let api = start(database, reads(2));
    let (reader, editor) = (api.reader(), api.editor());
    from(reader.get("/api/posts"), "192.0.2.1").await.expect(200);
    from(reader.get("/api/posts/1"), "192.0.2.2").await.problem(404, "not_found");
    assert_limited(from(reader.get("/api/posts"), "192.0.2.3").await, "reads", 2);
    for client in [&editor, &api.admin(), &api] {
        from(client.get("/api/posts"), "192.0.2.1").await.expect(200);
        from(client.get("/api/posts"), "192.0.2.1").await.expect(200);
        assert_limited(from(client.get("/api/posts"), "192.0.2.1").await, "reads", 2);
    }
}

#[on_both]
async fn health_checks_and_preflights_are_not_counted(database: TestDatabase) {
    let api = start(database, reads(1));
    let preflight = || {
        let call = api.call(Method::OPTIONS, "/api/posts").header("origin", "https://site.example");
        call.header("access-control-request-method", "GET")
    };
    for _ in 0..3 {
        preflight().await.expect(200);
        for path in ["/health/live", "/health/ready"] {
            api.get(path).await.expect(200);
            api.head(path).await.expect(200);
            api.with_key("wrong").get(path).await.expect(200);
        }
    }
    api.get("/api/posts").await.expect(200);
    assert_limited(api.get("/api/posts").await, "reads", 1);
    preflight().await.expect(200);
    api.get("/health/ready").await.expect(200);
}

#[on_both]
async fn scripts_may_read_the_rate_limit_headers(database: TestDatabase) {
    let api = start(database, reads(1));
    api.get("/api/posts").await.expect(200);
    let reply = api.get("/api/posts").header("origin", "https://site.example").await.expect(429);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    let exposed = reply.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
    }
}

#[on_both]
async fn remaining_quota_is_sent_after_three_quarters(database: TestDatabase) {
    let api = start(database, reads(8));
    for client in [api.clone(), api.reader()] {
        for remaining in (0..8).rev() {
            let reply = client.get("/api/posts").await.expect(200);
            let state = reply.header("ratelimit").map(|state| state.split(";t=").next().unwrap().to_owned());
            assert_eq!(state, (remaining < 2).then(|| format!("\"reads\";r={remaining}")));
            assert_eq!(reply.header("ratelimit-policy"), (remaining < 2).then_some("\"reads\";q=8;w=3600"));
            assert_eq!(reply.header("retry-after"), None);
        }
        assert_limited(client.get("/api/posts").await, "reads", 8);
    }
}

#[on_both]
async fn forwarded_address_is_trusted_only_from_a_proxy(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, with_proxies(&["10.0.0.0/8"], reads(1)));
    from(api.get("/api/posts"), "192.0.2.1").await.expect(200);
    assert_limited(from(api.get("/api/posts"), "192.0.2.2").await, "reads", 1);
    assert_limited(api.get("/api/posts").header("forwarded", "for=192.0.2.3").await, "reads", 1);

    let api = Api::start(&database, with_proxies(&["127.0.0.1/32", "10.0.0.0/8"], reads(1)));
    for address in ["192.0.2.1", "198.51.100.7, 192.0.2.2, 10.1.1.1", "2001:db8::1", "2001:db8:0:1::1"] {
        from(api.get("/api/posts"), address).await.expect(200);
    }
    for address in [
        "192.0.2.1", "made up, 192.0.2.1", "198.51.100.8, 192.0.2.2", "::ffff:192.0.2.2", "2001:db8::2",
        "2001:db8::ffff:0:0:1", "[2001:db8:0:1::2]:4711",
    ] {
        assert_limited(from(api.get("/api/posts"), address).await, "reads", 1);
    }
    assert_limited(api.get("/api/posts").header("forwarded", "for=\"[2001:db8::3]:80\";proto=https").await, "reads", 1);
    // If the two headers name different addresses, the request counts as the proxy's.
    let conflicting = |forwarded, address: &str| from(api.get("/api/posts").header("forwarded", forwarded), address);
    conflicting("for=198.51.100.9", "192.0.2.1").await.expect(200);
    assert_limited(conflicting("for=198.51.100.10", "192.0.2.1").await, "reads", 1);
    assert_limited(api.get("/api/posts").await, "reads", 1);
}

#[on_both]
async fn addresses_compare_by_meaning(database: TestDatabase) {
    let database = Arc::new(database);
    for proxy in ["127.0.0.1/32", "::ffff:127.0.0.1/128", "::ffff:127.0.0.0/104"] {
        let api = Api::start(&database, with_proxies(&[proxy, "::ffff:10.0.0.0/104"], reads(1)));
        from(api.get("/api/posts"), "192.0.2.1").await.expect(200);
        for address in ["::ffff:192.0.2.1", "[::FFFF:c000:201]:4711", "192.0.2.1:80", "192.0.2.1, 10.0.0.7"] {
            assert_limited(from(api.get("/api/posts"), address).await, "reads", 1);
        }
        for forwarded in [
            "for=192.0.2.1", "for=\"192.0.2.1:_port\"", "for=\"[::ffff:192.0.2.1]:80\"",
            "for=192.0.2.1;proto=https, for=\"[::ffff:10.1.2.3]\"", "for=\"\\[::ffff:192.0.2.1\\]\"",
        ] {
            assert_limited(api.get("/api/posts").header("forwarded", forwarded).await, "reads", 1);
        }
        from(api.get("/api/posts"), "fe80::1%eth0").await.expect(200);
        assert_limited(from(api.get("/api/posts"), "[fe80::2%25en0]:80").await, "reads", 1);
    }
}

#[on_both]
async fn disabled_limits_reject_nothing_and_add_no_headers(api: Api) {
    for number in 0..30 {
        api.with_key(&format!("wrong{number}")).get("/api/posts").await.problem(401, "key_invalid");
        let reply = api.get("/api/posts").await.expect(200);
        assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), (None, None));
    }
}

#[tokio::test]
async fn failures_are_limited_by_default_and_not_with_off() {
    for (setting, last) in [("", 429), ("off", 401), ("failures=21/h", 401)] {
        let sandbox = Sandbox::new([("PORT", "0"), ("RATE_LIMIT", setting)]);
        let mut server = sandbox.start("server", &[]);
        let posts = format!("{}/api/posts", server.base_url().await);
        let client = http_client().build().unwrap();
        for number in 1..=21 {
            let reply = client.get(&posts).bearer_auth(format!("wrong{number}")).send().await.unwrap();
            assert_eq!(reply.status(), if number == 21 { last } else { 401 }, "{setting}: {number}");
        }
        assert_eq!(client.get(&posts).send().await.unwrap().status(), 200);
    }
}
