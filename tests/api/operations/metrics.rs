//! `/metrics` on the admin listener.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use posts_api::config::{Rate, RateLimit};
use reqwest::Method;
use serde_json::json;

use crate::support::program::Sandbox;
use crate::support::{Api, Reply, TestDatabase, http_client, on_both, raw, wait_until};

/// Samples by name and labels, in the text format's notation.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Starts a server with an admin listener.
pub(crate) fn start(database: TestDatabase) -> Api {
    start_with(database, |_| {})
}

pub(crate) fn start_with(database: TestDatabase, change: impl FnOnce(&mut posts_api::config::Config)) -> Api {
    Api::start(&Arc::new(database), |config| {
        config.admin_port = Some(0);
        change(config);
    })
}

async fn send_to(base: &str, method: Method, path: &str) -> Reply {
    let client = http_client().build().unwrap();
    let response = client.request(method.clone(), format!("{base}{path}")).send().await.unwrap();
    Reply {
        line: format!("{method} {path}"),
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

fn admin_base(api: &Api) -> String {
    format!("http://{}", api.server.admin_address.unwrap())
}

async fn send(api: &Api, method: Method, path: &str) -> Reply {
    send_to(&admin_base(api), method, path).await
}

pub(crate) async fn text(api: &Api) -> String {
    send(api, Method::GET, "/metrics").await.expect(200).text().to_owned()
}

pub(crate) async fn scrape(api: &Api) -> Samples {
    scrape_at(&admin_base(api)).await
}

/// Like [`scrape`], for an admin listener at a known address.
pub(crate) async fn scrape_at(base: &str) -> Samples {
    samples(send_to(base, Method::GET, "/metrics").await.expect(200).text())
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The value of a sample, or 0 if it does not exist yet.
pub(crate) fn value(samples: &Samples, name: &str) -> f64 {
    samples.get(name).copied().unwrap_or_default()
}

fn requests_total(method: &str, route: &str, status: &str) -> String {
    format!("posts_api_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
}

#[track_caller]
pub(crate) fn assert_value(samples: &Samples, name: &str, expected: f64) {
    let actual = value(samples, name);
    assert!((actual - expected).abs() < f64::EPSILON, "{name} is {actual}, expected {expected}: {samples:#?}");
}

#[on_both]
async fn requests_are_counted_by_method_route_and_status(database: TestDatabase) {
    let api = start(database);
    let post = api.create(json!({"title": "One", "published": true})).await;
    let path = format!("/api/posts/{}", post["id"]);
    for _ in 0..3 {
        api.get(&path).await.expect(200);
    }
    api.get("/api/posts?limit=3").await.expect(200);
    api.head("/api/posts").await.expect(200);
    api.get("/api/posts/by-slug/no-such-post").await.expect(404);
    api.call(Method::PUT, &path).await.expect(405);
    api.post("/api/posts", &json!({"title": "Two"})).await.expect(401);
    api.get("/").await.expect(200);
    let samples = scrape(&api).await;
    for (method, route, status, count) in [
        ("POST", "/api/posts", "201", 1.0),
        ("GET", "/api/posts/{id}", "200", 3.0),
        ("GET", "/api/posts", "200", 1.0),
        ("HEAD", "/api/posts", "200", 1.0),
        ("GET", "/api/posts/by-slug/{slug}", "404", 1.0),
        ("PUT", "/api/posts/{id}", "405", 1.0),
        ("POST", "/api/posts", "401", 1.0),
        ("GET", "/", "200", 1.0),
    ] {
        assert_value(&samples, &requests_total(method, route, status), count);
    }
    let times = "posts_api_http_request_duration_seconds";
    let labels = "method=\"GET\",route=\"/api/posts/{id}\"";
    assert_value(&samples, &format!("{times}_count{{{labels}}}"), 3.0);
    assert_value(&samples, &format!("{times}_bucket{{le=\"+Inf\",{labels}}}"), 3.0);
    assert!(value(&samples, &format!("{times}_sum{{{labels}}}")) > 0.0);
    assert_value(&samples, "posts_api_http_problems_total{code=\"not_found\"}", 1.0);
    assert_value(&samples, "posts_api_http_problems_total{code=\"key_required\"}", 1.0);
}

#[on_both]
async fn labels_do_not_grow_with_client_input(database: TestDatabase) {
    let api = start(database);
    // Every round sends the same kinds of requests, so a second round adds a sample only if a label depends on the
    // input.
    let requests = |number: u32| {
        [
            ("BREW", format!("/api/posts/{number}")),
            ("GET", format!("/nowhere/{number}")),
            (["TRACE", "LINK", "X-1"][number as usize % 3], format!("/{number}")),
            ("GET", format!("/api/posts/{number}")),
            ("GET", format!("/api/posts/by-slug/slug-{number}")),
            ("GET", format!("/problems/p{number}")),
            ("POST", format!("/api/posts/{number}/publish")),
            ("GET", format!("/api/posts?limit={number}x")),
            ("GET", format!("//{number}")),
            ("GET", format!("/api/%70osts/{number}")),
        ]
    };
    let send = |number: u32| {
        for (method, path) in requests(number) {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x{number}\r\nConnection: close\r\n\r\n");
            raw::reply(api.server.address, request.as_bytes());
        }
    };
    send(0);
    let before = scrape(&api).await;
    (1..20).for_each(send);
    let after = scrape(&api).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_value(&after, &requests_total("OTHER", "unmatched", "404"), 20.0);
    assert_value(&after, &requests_total("OTHER", "/api/posts/{id}", "405"), 20.0);
    assert_value(&after, &requests_total("GET", "unmatched", "404"), 40.0);
    // The label is the route of the decoded path.
    assert_value(&after, &requests_total("GET", "/api/posts/{id}", "404"), 40.0);
}

#[on_both]
async fn cache_hits_misses_and_size_are_reported(database: TestDatabase) {
    let api = start(database);
    api.create(json!({"title": "One", "published": true})).await;
    let result = |name: &str| format!("posts_api_cache_requests_total{{result=\"{name}\"}}");
    // The cache serves only while the revision is known, which on a busy machine it may not be for a moment.
    wait_until("five reads to be cache hits", async || {
        let before = scrape(&api).await;
        for _ in 0..5 {
            api.get("/api/posts").await.expect(200);
        }
        // A request with a key bypasses the cache, and counts as neither.
        api.reader().get("/api/posts").await.expect(200);
        let after = scrape(&api).await;
        let [hits, misses] = ["hit", "miss"].map(|name| value(&after, &result(name)) - value(&before, &result(name)));
        assert!((hits + misses - 5.0).abs() < f64::EPSILON, "{hits} hits, {misses} misses");
        misses == 0.0
    })
    .await;
    let samples = scrape(&api).await;
    assert!(value(&samples, "posts_api_cache_reads_total") >= 1.0, "{samples:#?}");
    assert_value(&samples, "posts_api_cache_entries", 1.0);
    assert!(value(&samples, "posts_api_cache_bytes") > 512.0);
    assert_value(&samples, "posts_api_cache_capacity_bytes", 67_108_864.0);
    api.create(json!({"title": "Two", "published": true})).await;
    let drops = "posts_api_cache_invalidations_total";
    wait_until("the cache to be invalidated", async || {
        api.get("/api/posts").await.expect(200);
        value(&scrape(&api).await, drops) > value(&samples, drops)
    })
    .await;
}

#[on_both]
async fn replays_and_refusals_are_counted(database: TestDatabase) {
    let api = start_with(database, |config| {
        let rate = |count| Rate { count, period: 3600 };
        config.rate_limit = Some(RateLimit { reads: rate(2), writes: rate(100), failures: rate(1) });
    });
    for _ in 0..3 {
        let call = api.editor().post("/api/posts", &json!({"title": "Once"})).header("idempotency-key", "once");
        call.await.expect(201);
    }
    for status in [200, 200, 429] {
        api.get("/api/posts").await.expect(status);
    }
    for status in [401, 429] {
        api.with_key("guess").post("/api/posts", &json!({})).await.expect(status);
    }
    let samples = scrape(&api).await;
    assert_value(&samples, "posts_api_idempotency_replays_total", 2.0);
    for (limit, count) in [("reads", 1.0), ("writes", 0.0), ("failures", 1.0)] {
        assert_value(&samples, &format!("posts_api_rate_limit_refusals_total{{limit=\"{limit}\"}}"), count);
    }
    assert_value(&samples, &requests_total("GET", "/api/posts", "429"), 1.0);
    assert_value(&samples, "posts_api_http_problems_total{code=\"rate_limited\"}", 2.0);
}

#[on_both]
async fn openmetrics_is_served_only_on_the_admin_port(database: TestDatabase) {
    let api = start(database);
    let reply = send(&api, Method::GET, "/metrics").await.expect(200);
    let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.header("content-type"), Some(expected));
    let text = reply.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let described: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    for name in samples(text).keys() {
        let name = name.split('{').next().unwrap();
        let suffixes = ["", "_total", "_info", "_bucket", "_count", "_sum"];
        let is_described =
            suffixes.iter().any(|end| name.strip_suffix(end).is_some_and(|base| described.contains(base)));
        assert!(is_described, "{name}");
    }
    send(&api, Method::HEAD, "/metrics").await.expect(200);
    send(&api, Method::POST, "/metrics").await.problem(405, "method_not_allowed");
    send(&api, Method::GET, "/api/posts").await.problem(404, "not_found");
    api.get("/metrics").await.problem(404, "not_found");
    api.admin().get("/metrics").await.problem(404, "not_found");
}

#[tokio::test]
async fn admin_listener_is_off_by_default() {
    let mut sandbox = Sandbox::new([("PORT", "0")]);
    let mut server = sandbox.start("without", &[]);
    server.base_url().await;
    let log = server.final_log().await;
    assert!(!log.contains("/metrics"), "{log}");
    sandbox.set("ADMIN_PORT", "0");
    let mut server = sandbox.start("with", &[]);
    server.base_url().await;
    let base = server.admin_base_url().await;
    let address = base.strip_prefix("http://").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    scrape_at(&base).await;
    server.final_log().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    sandbox.set("ADMIN_PORT", &listener.local_addr().unwrap().port().to_string());
    let line = sandbox.run(&[]).error_line();
    assert!(line.contains("ADMIN_PORT") && line.contains("in use"), "{line}");
}
