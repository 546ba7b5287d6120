//! The audit log: one line per change and per failed authentication, which no input can forge.

use std::io::Write;
use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;

use crate::support::database::execute;
use crate::support::program::{Process, Sandbox};
use crate::support::{Engine, TestDatabase, http_client, on_both, raw, wait_for};

const ADMIN: &str = "the-admin-key-of-this-test";

fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN),
        ("RATE_LIMIT", "failures=20/h"),
    ])
}

/// The audit lines of a log, without time and target.
fn audit_lines(log: &str) -> Vec<String> {
    log.lines().filter_map(|line| line.split_once(" INFO audit: ")).map(|(_, entry)| entry.to_owned()).collect()
}

struct Client {
    base: String,
    client: reqwest::Client,
}

impl Client {
    async fn connect(server: &mut Process) -> Self {
        Self { base: server.base_url().await, client: http_client().build().unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.base.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sends a request and returns its status and request id. An empty key sends no key.
    async fn send(&self, method: Method, path: &str, key: &str, body: &serde_json::Value) -> (u16, String) {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        if !method.is_safe() {
            request = request.json(body);
        }
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.headers()["x-request-id"].to_str().unwrap().to_owned())
    }
}

#[on_both]
async fn every_change_and_failed_authentication_is_logged(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let reader = sandbox.run(&["keys", "create", "--role", "reader", "--name", "reader"]).success();
    let editor = sandbox.run(&["keys", "create", "--role", "editor", "--name", "editor"]).success();
    let (reader, editor) = (reader.trim(), editor.trim());
    let mut server = sandbox.start("server", &[]);
    let client = Client::connect(&mut server).await;
    let post = json!({"title": "One", "published": true});
    let calls = [
        (Method::POST, "/api/posts", editor, 201, "change request", "key=2", "route=\"/api/posts\"", "done"),
        (Method::POST, "/api/posts", editor, 201, "change request", "key=2", "route=\"/api/posts\"", "done"),
        (
            Method::PUT,
            "/api/posts/by-slug/x-y",
            editor,
            201,
            "change request",
            "key=2",
            "route=\"/api/posts/by-slug/{slug}\"",
            "done",
        ),
        (
            Method::PATCH,
            "/api/posts/99?x=1",
            editor,
            404,
            "change request",
            "key=2",
            "route=\"/api/posts/{id}\"",
            "not_found",
        ),
        (Method::DELETE, "/api/posts/1", editor, 204, "change request", "key=2", "route=\"/api/posts/{id}\"", "done"),
        (Method::POST, "/api/posts", reader, 403, "change request", "key=1", "route=\"/api/posts\"", "forbidden"),
        (Method::POST, "/api/posts", "", 401, "change request", "", "route=\"/api/posts\"", "key_required"),
        (Method::POST, "/api/posts", "guess", 401, "change request", "", "route=\"/api/posts\"", "key_invalid"),
        (
            Method::POST,
            "/api/keys",
            ADMIN,
            422,
            "change request",
            "key=environment",
            "route=\"/api/keys\"",
            "validation_failed",
        ),
        (Method::DELETE, "/nowhere/%0a", editor, 404, "change request", "", "path=\"/nowhere/%0a\"", "not_found"),
        (
            Method::POST,
            "/api/posts/1",
            editor,
            405,
            "change request",
            "",
            "route=\"/api/posts/{id}\"",
            "method_not_allowed",
        ),
        (Method::GET, "/api/keys", "", 401, "refused request", "", "route=\"/api/keys\"", "key_required"),
        (Method::GET, "/api/keys", reader, 403, "refused request", "key=1", "route=\"/api/keys\"", "forbidden"),
        (Method::GET, "/api/posts/1", "guess", 401, "refused request", "", "route=\"/api/posts/{id}\"", "key_invalid"),
        (Method::HEAD, "/api/posts", "guess", 401, "refused request", "", "route=\"/api/posts\"", "key_invalid"),
        // Reads with sufficient access are not logged.
        (Method::GET, "/api/posts", "", 200, "", "", "", ""),
        (Method::GET, "/api/posts/99", reader, 404, "", "", "", ""),
        (Method::GET, "/api/keys", ADMIN, 200, "", "", "", ""),
        (Method::OPTIONS, "/api/posts", "", 204, "", "", "", ""),
    ];
    let mut expected = Vec::new();
    for (method, path, key, status, message, actor, route, outcome) in calls {
        let (actual, id) = client.send(method.clone(), path, key, &post).await;
        assert_eq!(actual, status, "{method} {path}");
        if !message.is_empty() {
            let actor = if actor.is_empty() { String::new() } else { format!(" {actor}") };
            expected.push(format!(
                "{message} request_id=\"{id}\"{actor} peer=127.0.0.1 method=\"{method}\" {route} status={status} \
                 outcome=\"{outcome}\""
            ));
        }
    }
    let log = server.final_log().await;
    assert_eq!(audit_lines(&log), expected);
    for secret in [ADMIN, reader, editor, "guess"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[on_both]
async fn blocked_guesses_are_logged_with_the_client_ip(database: TestDatabase) {
    let mut sandbox = sandbox(&database);
    sandbox.set("RATE_LIMIT", "reads=2/h,failures=1/h");
    sandbox.set("TRUSTED_PROXIES", "127.0.0.0/8");
    let mut server = sandbox.start("server", &[]);
    let client = Client::connect(&mut server).await;
    for (key, status) in [("guess", 401), ("guess", 429), ("", 429)] {
        let mut request = client.client.get(format!("{}/api/posts", client.base));
        request = request.header("x-forwarded-for", "spoofed, 2001:db8::7");
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let lines = audit_lines(&server.final_log().await);
    // The third request only exceeds the read limit, which is not a failed authentication.
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains(" peer=2001:db8::7 ")), "{lines:#?}");
    assert!(lines[0].ends_with("status=401 outcome=\"key_invalid\""), "{lines:#?}");
    assert!(lines[1].ends_with("status=429 outcome=\"rate_limited\""), "{lines:#?}");
}

#[on_both]
async fn change_is_logged_after_the_client_disconnects(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut server = sandbox.start("server", &[]);
    let client = Client::connect(&mut server).await;
    let mut lock = database.connect();
    match database.engine {
        Engine::Sqlite => execute(&mut lock, "BEGIN IMMEDIATE"),
        Engine::Postgres => {
            execute(&mut lock, "BEGIN");
            execute(&mut lock, "LOCK TABLE posts IN SHARE MODE");
        }
    }
    let mut stream = std::net::TcpStream::connect(client.address()).unwrap();
    let requests = format!(
        "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nPOST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \
         {ADMIN}\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{{\"title\": \"One\"}}"
    );
    stream.write_all(requests.as_bytes()).unwrap();
    stream.peek(&mut [0]).unwrap();
    // The unread response makes the kernel reset the connection rather than close it.
    drop(stream);
    let line = wait_for("the audit line", async || audit_lines(&server.stderr()).pop()).await;
    assert!(line.contains(" key=environment ") && line.ends_with(" outcome=\"abandoned\""), "{line}");
    execute(&mut lock, "ROLLBACK");
    // The SQLite writer drops a queued write when its client disconnects. PostgreSQL completes the statement.
    if database.engine == Engine::Postgres {
        let count = async || (database.query_number("SELECT count(*) AS number FROM posts") == 1).then_some(());
        wait_for("the post to be stored", count).await;
    }
}

#[on_both]
async fn input_cannot_forge_a_line(database: TestDatabase) {
    let sandbox = sandbox(&database);
    let mut server = sandbox.start("server", &[]);
    let client = Client::connect(&mut server).await;
    let forged = "2026-01-01T00:00:00.000000Z  INFO audit: change request request_id=\"forged\"";
    // Raw bytes, because an HTTP client would encode them.
    let paths: [&[u8]; 9] = [
        b"/x%0aforged%0d%1b[31m",
        b"/x\nforged",
        b"/x\rforged",
        b"/x\x1b[31m",
        "/x\u{9b}31m".as_bytes(),
        "/x\u{202e}\u{2028}\u{85}é".as_bytes(),
        b"/x\x7f",
        b"/x\"status=200",
        b"/\xff\xfe\x9b",
    ];
    let mut not_found = 0;
    for path in paths {
        let mut request = b"POST ".to_vec();
        request.extend_from_slice(path);
        request.extend_from_slice(b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let response = raw::exchange(client.address(), &request);
        let response = String::from_utf8_lossy(&response);
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{path:?}: {response}");
        not_found += usize::from(response.starts_with("HTTP/1.1 404"));
    }
    // The other targets are not valid HTTP.
    assert_eq!(not_found, 2);
    // Header values with every character that HTTP allows there, and a body with more.
    let request = format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \u{9b}31m\t{forged}\r\n\
         X-Forwarded-For: \u{9b}31m\r\nForwarded: for=\"\t{forged}\"\r\nUser-Agent: \u{9b}\r\nContent-Length: 0\r\n\r\n"
    );
    raw::reply(client.address(), request.as_bytes()).expect(401);
    let request = b"FORGED-2.0 /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw::reply(client.address(), request).expect(404);
    let title = format!("a\n{forged}\r\u{1b}[31m\u{9b}\u{7f}");
    let (status, _) = client.send(Method::POST, "/api/posts", ADMIN, &json!({"title": title, "content": title})).await;
    assert_eq!(status, 201);
    let (status, _) = client.send(Method::POST, "/api/keys", ADMIN, &json!({"name": title, "role": title})).await;
    assert_eq!(status, 422);
    let log = server.final_log().await;
    assert!(!log.chars().any(|character| character.is_control() && character != '\n'), "{log:?}");
    assert!(!log.contains(['\u{202e}', '\u{2028}']), "{log:?}");
    // Every line starts with a time and a level, and every audit line has its own request id.
    for line in log.lines() {
        let mut words = line.split_whitespace();
        assert!(words.next().unwrap().ends_with('Z') && ["INFO", "ERROR"].contains(&words.next().unwrap()), "{line:?}");
    }
    let ids: std::collections::BTreeSet<_> = audit_lines(&log)
        .iter()
        .map(|entry| entry.split('"').nth(1).unwrap().to_owned())
        .inspect(|id| assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}"))
        .collect();
    assert_eq!(ids.len(), audit_lines(&log).len());
    assert_eq!(ids.len(), not_found + 4, "{log}");
}

#[on_both]
async fn audit_lines_are_filtered_by_their_own_target(database: TestDatabase) {
    for (filter, lines) in [("audit=off", 0), ("info,audit=off", 0), ("audit=info,posts_api=info", 1)] {
        let mut sandbox = sandbox(&database);
        // The test reads the server's address from the log.
        sandbox.set("RUST_LOG", &format!("{filter},posts_api=info"));
        let mut server = sandbox.start("server", &[]);
        let client = Client::connect(&mut server).await;
        assert_eq!(client.send(Method::POST, "/api/posts", "", &json!({})).await.0, 401);
        assert_eq!(audit_lines(&server.final_log().await).len(), lines, "{filter}");
    }
}
