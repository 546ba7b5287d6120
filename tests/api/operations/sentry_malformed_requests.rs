//! Malformed requests are faults of the client: they are logged, but Sentry receives no event.

use std::net::SocketAddr;

use crate::operations::sentry::{events, failure_event, get_status, sandbox};
use crate::support::raw::exchange;
use crate::support::receiver::Receiver;
use crate::support::{Engine, TestDatabase, wait_for};

/// The first lines of requests that violate HTTP, or that the service rejects.
const HEADS: [&str; 27] = [
    "hush",
    "GET",
    "GET /hush",
    "GET /hush HTTP/9.9",
    "GET /hush HTTP/1.1 extra",
    "GET hush HTTP/1.1",
    "GET //hush:99999/ HTTP/1.1",
    "GET http://[hush/ HTTP/1.1",
    "GET /%hush HTTP/1.1",
    "GET /hush\u{1b}[31m\u{0} HTTP/1.1",
    "G@T /hush HTTP/1.1",
    "CONNECT hush:443 HTTP/1.1",
    "PRI * HTTP/2.0",
    "GET /hush HTTP/1.1\r\nNo colon",
    "GET /hush HTTP/1.1\r\n: no name",
    "GET /hush HTTP/1.1\r\nX Name: hush",
    "GET /hush HTTP/1.1\r\nX-Null: a\0b",
    "GET /hush HTTP/1.1\r\n folded: hush",
    "GET /hush HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: hush",
    "POST /api/posts HTTP/1.1\r\nContent-Length: hush",
    "POST /api/posts HTTP/1.1\r\nContent-Length: -1",
    "POST /api/posts HTTP/1.1\r\nContent-Length: 99999999999999999999999",
    "POST /api/posts HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4",
    "POST /api/posts HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    "POST /api/posts HTTP/1.1\r\nTransfer-Encoding: hush",
    "POST /api/posts HTTP/1.1\r\nContent-Encoding: hush\r\nContent-Length: 0",
    "POST /api/posts HTTP/1.1\r\nExpect: hush\r\nContent-Length: 0",
];

fn head(lines: &str) -> String {
    format!("{lines}\r\nHost: x\r\nX-Name: hush\r\nConnection: close\r\n\r\n")
}

/// Requests that violate HTTP, or that the service rejects. Each contains the word `hush`.
fn malformed_requests() -> Vec<Vec<u8>> {
    let mut requests: Vec<Vec<u8>> = HEADS.iter().map(|lines| head(lines).into_bytes()).collect();
    let chunked = head("POST /api/posts HTTP/1.1\r\nAuthorization: Bearer hush\r\nTransfer-Encoding: chunked");
    for chunk in
        ["hush\r\n", "fffffffffffffffff\r\n", "3\r\nabcd\r\n", "-1\r\n\r\n", "3;\0\r\nabc\r\n0\r\nhush\r\n\r\n"]
    {
        requests.push(format!("{chunked}{chunk}").into_bytes());
    }
    // An incomplete body, headers that are too large, and too many of them.
    requests.push(format!("{}hush", head("POST /api/posts HTTP/1.1\r\nContent-Length: 100")).into_bytes());
    requests.push(head(&format!("GET /{} HTTP/1.1", "hush".repeat(100_000))).into_bytes());
    requests.push(head(&format!("GET /hush HTTP/1.1\r\nX-Large: {}", "hush".repeat(100_000))).into_bytes());
    requests.push(head(&format!("GET /hush HTTP/1.1{}", "\r\nX-Many: hush".repeat(2_000))).into_bytes());
    // A TLS client hello, an SSH client, an HTTP/2 preface, and bytes that are not UTF-8.
    requests.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hush\r\n\r\n".to_vec());
    requests.push(b"SSH-2.0-hush\r\n\r\n".to_vec());
    requests.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nhush".to_vec());
    requests.push(b"GET /hush\xff\xfe HTTP/1.1\r\nX-\xff: \xff\xfe\r\nConnection: close\r\n\r\n".to_vec());
    requests.push(b"\0\xff\xfehush\r\n\r\n".to_vec());
    requests
}

async fn send_malformed_requests(address: SocketAddr) {
    let exchanges = malformed_requests().into_iter().map(|mut request| {
        // Ends requests that the server would otherwise wait for.
        request.extend_from_slice(b"\r\n\r\n\0\r\n\r\n");
        tokio::task::spawn_blocking(move || exchange(address, &request))
    });
    for exchange in exchanges.collect::<Vec<_>>() {
        let response = exchange.await.unwrap();
        let line = String::from_utf8_lossy(&response).lines().next().unwrap_or_default().to_owned();
        assert!(!line.starts_with("HTTP/1.1 5"), "{line}");
    }
}

#[tokio::test]
async fn malformed_requests_are_no_events() {
    for (log, is_logged) in [("info", true), ("off", false), ("trace", true), ("actix_http=trace,off", true)] {
        let database = TestDatabase::create(Engine::Sqlite).unwrap();
        let receiver = Receiver::start();
        let mut sandbox = sandbox(&database, "http", &receiver);
        // The address is logged in any case.
        sandbox.set("RUST_LOG", &format!("posts_api=info,{log}"));
        let mut server = sandbox.start("server", &[]);
        let base = server.base_url().await;
        let address: SocketAddr = base.strip_prefix("http://").unwrap().parse().unwrap();
        send_malformed_requests(address).await;
        if is_logged {
            wait_for("the log of the HTTP library", async || server.stderr().contains("actix_http").then_some(()))
                .await;
        }
        // A fault of the service is an event. Events are sent in order, so all earlier ones have arrived.
        database.execute("ALTER TABLE posts RENAME TO gone");
        assert_eq!(get_status(&base, "/api/posts").await, 500);
        failure_event(&receiver).await;
        let messages: Vec<_> = events(&receiver).iter().map(|event| event["message"].clone()).collect();
        assert_eq!(messages, ["request failed"], "RUST_LOG={log}");
        for request in receiver.received() {
            let body = String::from_utf8(request.body).unwrap();
            assert!(!body.contains("hush") && !body.contains("breadcrumbs"), "RUST_LOG={log}: {body}");
        }
    }
}

#[tokio::test]
async fn fault_is_an_event_even_if_the_log_is_off() {
    let database = TestDatabase::create(Engine::Sqlite).unwrap();
    let receiver = Receiver::start();
    let mut sandbox = sandbox(&database, "http", &receiver);
    // The address is in no log.
    let port = crate::support::postgres::free_port();
    sandbox.set("RUST_LOG", "off");
    sandbox.set("PORT", &port.to_string());
    let server = sandbox.start("server", &[]);
    let base = format!("http://127.0.0.1:{port}");
    wait_for("the server", async || reqwest::get(format!("{base}/health/live")).await.ok()).await;
    send_malformed_requests(([127, 0, 0, 1], port).into()).await;
    database.execute("ALTER TABLE posts RENAME TO gone");
    assert_eq!(get_status(&base, "/api/posts").await, 500);
    failure_event(&receiver).await;
    assert_eq!(events(&receiver).len(), 1);
    assert_eq!(server.stderr(), "");
}
