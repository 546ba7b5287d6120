//! `/metrics` on the listener for operators, and the dashboard and alerts that are made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use posts_api::config::{Rate, RateLimit};
use posts_api::db::PoolOptions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::execute;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, Reply, TestDatabase, on_both, raw, wait_until};

/// Samples by their name and labels, as they are written.
pub(crate) type Samples = BTreeMap<String, f64>;

/// A server with a listener for operators.
pub(crate) fn start(database: TestDatabase) -> Api {
    start_with(database, |_| {})
}

pub(crate) fn start_with(database: TestDatabase, change: impl FnOnce(&mut posts_api::config::Config)) -> Api {
    Api::start(&Arc::new(database), |config| {
        config.admin_port = Some(0);
        change(config);
    })
}

async fn ask_at(base: &str, method: Method, path: &str) -> Reply {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
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

async fn ask(api: &Api, method: Method, path: &str) -> Reply {
    ask_at(&admin_base(api), method, path).await
}

async fn text(api: &Api) -> String {
    ask(api, Method::GET, "/metrics").await.expect(200).text().to_owned()
}

pub(crate) async fn scrape(api: &Api) -> Samples {
    scrape_at(&admin_base(api)).await
}

/// The same of a listener for operators whose address is known.
pub(crate) async fn scrape_at(base: &str) -> Samples {
    samples(ask_at(base, Method::GET, "/metrics").await.expect(200).text())
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// 0 where there is no such sample: nothing has happened yet.
pub(crate) fn value(samples: &Samples, name: &str) -> f64 {
    samples.get(name).copied().unwrap_or_default()
}

fn served(method: &str, route: &str, status: &str) -> String {
    format!("posts_api_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
}

#[track_caller]
pub(crate) fn assert_value(samples: &Samples, name: &str, expected: f64) {
    let found = value(samples, name);
    assert!((found - expected).abs() < f64::EPSILON, "{name} is {found} and not {expected}: {samples:#?}");
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
    api.get("/").await.expect(307);
    let samples = scrape(&api).await;
    for (method, route, status, count) in [
        ("POST", "/api/posts", "201", 1.0),
        ("GET", "/api/posts/{id}", "200", 3.0),
        ("GET", "/api/posts", "200", 1.0),
        ("HEAD", "/api/posts", "200", 1.0),
        ("GET", "/api/posts/by-slug/{slug}", "404", 1.0),
        ("PUT", "/api/posts/{id}", "405", 1.0),
        ("POST", "/api/posts", "401", 1.0),
        ("GET", "/", "307", 1.0),
    ] {
        assert_value(&samples, &served(method, route, status), count);
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
async fn no_label_grows_by_what_strangers_send(database: TestDatabase) {
    let api = start(database);
    // One of each kind, so that only new labels can make it more.
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
    assert_value(&after, &served("OTHER", "unmatched", "404"), 20.0);
    assert_value(&after, &served("OTHER", "/api/posts/{id}", "405"), 20.0);
    assert_value(&after, &served("GET", "unmatched", "404"), 40.0);
    // Also as the router reads it, where it is written in another way.
    assert_value(&after, &served("GET", "/api/posts/{id}", "404"), 40.0);
}

#[on_both]
async fn the_cache_tells_what_it_was_good_for(database: TestDatabase) {
    let api = start(database);
    api.create(json!({"title": "One", "published": true})).await;
    // Changes by others must have been looked for before anything is kept.
    wait_until("it is kept", async || {
        api.get("/api/posts").await.expect(200);
        value(&scrape(&api).await, "posts_api_cache_requests_total{result=\"hit\"}") > 0.0
    })
    .await;
    let before = scrape(&api).await;
    let result = |name: &str| format!("posts_api_cache_requests_total{{result=\"{name}\"}}");
    for _ in 0..5 {
        api.get("/api/posts").await.expect(200);
    }
    // Who has a key is not served from it.
    api.reader().get("/api/posts").await.expect(200);
    let after = scrape(&api).await;
    let [hits, misses] = ["hit", "miss"].map(|name| value(&after, &result(name)) - value(&before, &result(name)));
    assert!((hits + misses - 5.0).abs() < f64::EPSILON, "{hits} hits, {misses} misses");
    assert!(hits > 0.0 && value(&after, "posts_api_cache_reads_total") >= 1.0, "{after:#?}");
    assert_value(&after, "posts_api_cache_entries", 1.0);
    assert!(value(&after, "posts_api_cache_bytes") > 512.0);
    assert_value(&after, "posts_api_cache_capacity_bytes", 67_108_864.0);
    api.create(json!({"title": "Two", "published": true})).await;
    api.get("/api/posts").await.expect(200);
    let dropped = scrape(&api).await;
    let drops = "posts_api_cache_drops_total";
    assert!(value(&dropped, drops) > value(&after, drops));
}

#[on_both]
async fn waiting_for_a_connection_is_told_while_it_lasts_and_afterwards(database: TestDatabase) {
    let database = Arc::new(database);
    let api = Api::start(&database, |config| {
        config.admin_port = Some(0);
        config.pool = PoolOptions { size: 1, wait: std::time::Duration::from_secs(1) };
    });
    let pool = if api.engine() == Engine::Sqlite { "write" } else { "primary" };
    let name = |name: &str| format!("posts_api_db_pool_{name}{{pool=\"{pool}\"}}");
    let refusals = format!("posts_api_db_pool_refusals_total{{pool=\"{pool}\",reason=\"timeout\"}}");
    let editor = api.editor();
    let before = value(&scrape(&api).await, &refusals);
    let mut held = database.connect();
    match database.engine {
        Engine::Sqlite => execute(&mut held, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut held, "BEGIN");
            execute(&mut held, "LOCK TABLE posts IN ACCESS EXCLUSIVE MODE");
        }
    }
    let write = || {
        let call = editor.post("/api/posts", &json!({"title": "Waits"}));
        tokio::spawn(async move { call.await.status })
    };
    let writes = [write(), write(), write(), write()];
    wait_until("one writes and another waits", async || {
        let samples = scrape(&api).await;
        value(&samples, &name("in_use")) > 0.0 && value(&samples, &name("waiting")) > 0.0
    })
    .await;
    // Busy is not down.
    assert_value(&scrape(&api).await, "posts_api_db_up{database=\"primary\"}", 1.0);
    wait_until("one is refused", async || value(&scrape(&api).await, &refusals) > before).await;
    execute(&mut held, "ROLLBACK");
    let mut statuses = Vec::new();
    for write in writes {
        statuses.push(write.await.unwrap());
    }
    assert!(statuses.contains(&201) && statuses.contains(&503), "{statuses:?}");
    wait_until("nobody waits any more", async || value(&scrape(&api).await, &name("waiting")) == 0.0).await;
    let samples = scrape(&api).await;
    assert_value(&samples, &name("size"), 1.0);
    assert!(value(&samples, &format!("posts_api_db_pool_wait_seconds_count{{pool=\"{pool}\"}}")) > 0.0, "{samples:#?}");
    assert!(value(&samples, "posts_api_db_errors_total{kind=\"busy\"}") > 0.0, "{samples:#?}");
    assert!(value(&samples, "posts_api_http_problems_total{code=\"database_busy\"}") > 0.0, "{samples:#?}");
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
    assert_value(&samples, &served("GET", "/api/posts", "429"), 1.0);
    assert_value(&samples, "posts_api_http_problems_total{code=\"rate_limited\"}", 2.0);
}

#[on_both]
async fn the_schedule_tells_its_lag_and_that_it_looks(database: TestDatabase) {
    database.migrate();
    let post = |id: i64| json!({"id": id, "slug": format!("due-{id}"), "title": "Due", "scheduled_for": "2020-01-01T00:00:00Z"});
    database.import(&[post(1), post(2)]);
    let api = start(database);
    let count = "posts_api_schedule_lag_seconds_count";
    wait_until("both are published", async || value(&scrape(&api).await, count) > 1.0).await;
    let samples = scrape(&api).await;
    assert_value(&samples, count, 2.0);
    assert_value(&samples, "posts_api_schedule_lag_seconds_bucket{le=\"3600.0\"}", 0.0);
    let looked = "posts_api_schedule_last_look_timestamp_seconds";
    let first = value(&samples, looked);
    assert!(first > value(&samples, "posts_api_start_time_seconds") - 1.0, "{samples:#?}");
    wait_until("it looks again", async || value(&scrape(&api).await, looked) > first).await;
}

#[on_both]
async fn it_says_what_runs_and_whether_the_database_answers(database: TestDatabase) {
    let api = start(database);
    let backend = if api.engine() == Engine::Sqlite { "sqlite" } else { "postgresql" };
    let samples = scrape(&api).await;
    let version = env!("CARGO_PKG_VERSION");
    assert_value(&samples, &format!("posts_api_build_info{{version=\"{version}\",database=\"{backend}\"}}"), 1.0);
    assert_value(&samples, "posts_api_db_up{database=\"primary\"}", 1.0);
    if api.engine() == Engine::Postgres {
        api.server.database.destroy();
        wait_until("it is down", async || {
            scrape(&api).await.get("posts_api_db_up{database=\"primary\"}") == Some(&0.0)
        })
        .await;
    }
}

#[on_both]
async fn it_is_openmetrics_and_on_no_public_port(database: TestDatabase) {
    let api = start(database);
    let reply = ask(&api, Method::GET, "/metrics").await.expect(200);
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
    ask(&api, Method::HEAD, "/metrics").await.expect(200);
    ask(&api, Method::POST, "/metrics").await.problem(405, "method_not_allowed");
    ask(&api, Method::GET, "/api/posts").await.problem(404, "not_found");
    api.get("/metrics").await.problem(404, "not_found");
    api.admin().get("/metrics").await.problem(404, "not_found");
}

#[tokio::test]
async fn writes_that_are_committed_together_are_told_on_sqlite() {
    let database = Arc::new(TestDatabase::create(Engine::Sqlite).unwrap());
    let api = Api::start(&database, |config| config.admin_port = Some(0));
    let editor = api.editor();
    // Each of the first uses of a key may note the day of it, which is a write, too.
    editor.get("/api/posts").await.expect(200);
    let commits = "posts_api_db_group_commit_writes_count";
    wait_until("the key's use is noted", async || value(&scrape(&api).await, commits) > 0.0).await;
    let before = scrape(&api).await;
    let mut held = database.connect();
    execute(&mut held, "BEGIN IMMEDIATE");
    let write = |number: u32| {
        let call = editor.post("/api/posts", &json!({"title": format!("Post {number}")}));
        tokio::spawn(async move { call.await.status })
    };
    let writes = [0; 6].map(write);
    wait_until("five wait behind the first", async || api.server.connections.queued_writes() >= Some(5)).await;
    execute(&mut held, "ROLLBACK");
    for write in writes {
        assert_eq!(write.await.unwrap(), 201);
    }
    let after = scrape(&api).await;
    let gained = |name: &str| {
        let name = format!("posts_api_db_group_commit_{name}");
        value(&after, &name) - value(&before, &name)
    };
    // The first of them alone or with the others, which were all there by then.
    let commits = gained("writes_count");
    assert!((1.0..=2.0).contains(&commits), "{after:#?}");
    assert!((gained("writes_sum") - 6.0).abs() < f64::EPSILON, "{after:#?}");
    assert!((gained("duration_seconds_count") - commits).abs() < f64::EPSILON);
    assert!(gained("writes_bucket{le=\"4.0\"}") < commits, "{after:#?}");
    wait_until("the log's length is told", async || value(&scrape(&api).await, "posts_api_db_wal_bytes") > 0.0).await;
}

#[tokio::test]
async fn there_is_no_such_listener_unless_it_is_asked_for() {
    let mut place = Sandbox::new([("PORT", "0")]);
    let mut server = place.start("without", &[]);
    server.base_url().await;
    assert!(!server.stderr().contains("/metrics"), "{}", server.stderr());
    place.set("ADMIN_PORT", "0");
    let mut server = place.start("with", &[]);
    server.base_url().await;
    let base = server.admin_base_url().await;
    let address = base.strip_prefix("http://").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    scrape_at(&base).await;
    // It ends with the public one.
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
    let taken = std::net::TcpListener::bind(address).unwrap();
    place.set("ADMIN_PORT", &taken.local_addr().unwrap().port().to_string());
    let line = place.run(&[]).error_line();
    assert!(line.contains("ADMIN_PORT") && line.contains("in use"), "{line}");
}

/// The names of metrics in a `PromQL` expression.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("posts_api_")).map(str::to_owned).collect()
}

/// The metrics in the third column of the table of failures, where they stand without what all begin with.
fn names_in_failures(document: &str) -> BTreeSet<String> {
    let table = document.split("\n## Failures\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let column =
        table.lines().filter(|line| line.starts_with("| ")).skip(1).map(|row| row.split(" | ").nth(2).unwrap());
    let words = column.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(|word| format!("posts_api_{}", word.split([' ', '{']).next().unwrap())).collect()
}

/// All that stands under `key`, however deep.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == key => found.push(text),
            value => under(value, key, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| under(item, key, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let api = start(TestDatabase::create(Engine::Sqlite).unwrap());
    api.get("/api/posts").await.expect(200);
    let text = text(&api).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let given: BTreeSet<String> = types
        .flat_map(|(name, kind)| {
            let suffixes: &[&str] = match kind {
                "counter" => &["_total"],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
        })
        .collect();
    let dashboard: Value = serde_json::from_str(include_str!("../../../deploy/grafana/posts-api.json")).unwrap();
    let mut expressions = Vec::new();
    under(&dashboard, "expr", &mut expressions);
    under(&dashboard, "query", &mut expressions);
    let alerts: Vec<&str> = include_str!("../../../deploy/prometheus/alerts.yml").lines().collect();
    let from_dashboard: BTreeSet<String> = expressions.iter().flat_map(|expression| names(expression)).collect();
    let from_alerts: BTreeSet<String> = alerts.iter().flat_map(|line| names(line)).collect();
    assert!(from_dashboard.len() > 20 && from_alerts.len() > 5, "{from_dashboard:?} {from_alerts:?}");
    let from_document = names_in_failures(include_str!("../../../docs/operate/runbook.md"));
    assert!(from_document.len() > 8, "{from_document:?}");
    let asked: BTreeSet<_> = [&from_dashboard, &from_alerts, &from_document].into_iter().flatten().collect();
    // The document names a histogram as a whole.
    let is_given = |name: &String| given.contains(name) || given.contains(&format!("{name}_bucket"));
    let unknown: Vec<_> = asked.iter().filter(|name| !is_given(name)).collect();
    assert!(unknown.is_empty(), "not in /metrics: {unknown:?}; there are {given:#?}");
    // What is measured is shown.
    let families = |names: &BTreeSet<String>| -> BTreeSet<String> {
        let base = |name: &String| {
            ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
        };
        names.iter().map(base).collect()
    };
    let hidden: Vec<_> = families(&given).difference(&families(&from_dashboard)).cloned().collect();
    assert!(hidden.is_empty(), "not on the dashboard: {hidden:?}");
    let documented = names(include_str!("../../../docs/operate/metrics-logs-traces.md"));
    let differing: Vec<_> = families(&given).symmetric_difference(&families(&documented)).cloned().collect();
    assert!(differing.is_empty(), "documented or served, but not both: {differing:?}");
}
