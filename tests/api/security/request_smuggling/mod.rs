//! Requests that a proxy and a server could parse differently (request smuggling). Each gets one response, and the
//! server never executes a request inside a body or after the last request of a connection.

mod corpus;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;

use corpus::{Expected, GET, KEY, LENGTH, Last, POST, POSTS, REQUESTS, Rejected, SMUGGLED, Status};

use crate::support::api::ADMIN_KEY;
use crate::support::{Api, WAIT_LIMIT, on_both};

/// Parses a sequence of responses and returns the statuses, without interim (1xx) ones.
fn statuses(mut bytes: &[u8], is_head: bool) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_lowercase();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(head.starts_with("http/1.") && !head.contains("transfer-encoding"), "{head}");
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        bytes = &bytes[end + if is_head || status < 200 || status == 304 { 0 } else { length }..];
        if status >= 200 {
            statuses.push(status);
        }
    }
    statuses
}

/// Sends `request` and reads until the server closes. Returns `None` if it does not, although it closes idle
/// connections.
fn exchange(address: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT_LIMIT)).unwrap();
    // The write fails if the server responds and closes before it has read the whole request.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Some(response),
            Ok(count) => response.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Some(response),
            Err(_) => return None,
        }
    }
}

/// Sends a request and describes the difference from the expected outcome, if there is one.
fn failure(address: SocketAddr, request: &str, expected: Expected) -> Option<String> {
    let key = format!("Authorization: Bearer {ADMIN_KEY}\r\nContent-Type: application/json\r\n");
    let body = "{\"title\": \"smuggled\", \"slug\": \"smuggled\"}";
    let smuggled = format!("POST /api/posts HTTP/1.1\r\nHost: x\r\n{key}Content-Length: {}\r\n\r\n{body}", body.len());
    let sent = request.replace(KEY, &key).replace(LENGTH, &smuggled.len().to_string()).replace(SMUGGLED, &smuggled);
    let Some(bytes) = exchange(address, sent.as_bytes()) else {
        return Some(format!("{request:?}: the server did not close"));
    };
    let statuses = statuses(&bytes, request.starts_with("HEAD"));
    let is_expected = match (expected, statuses.as_slice()) {
        (Rejected, [status]) => (400..600).contains(status),
        (Status(expected) | Last(expected), [status]) => *status == expected,
        (Last(expected), [status, second]) => *status == expected && *second == 400,
        _ => false,
    };
    (!is_expected).then(|| format!("{request:?}: {statuses:?} instead of {expected:?}"))
}

#[on_both]
async fn each_request_gets_one_response_and_none_is_smuggled(api: Api) {
    let posts = POSTS.iter().map(|(rest, expected)| (format!("{POST}{rest}"), *expected));
    let requests = REQUESTS.iter().map(|(request, expected)| ((*request).to_owned(), *expected));
    let address = api.server.address;
    let exchanges: Vec<_> = posts
        .chain(requests)
        .map(|(request, expected)| tokio::task::spawn_blocking(move || failure(address, &request, expected)))
        .collect();
    let mut failures = Vec::new();
    for exchange in exchanges {
        failures.extend(exchange.await.unwrap());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let stored = api.reader().get("/api/posts?published=any").await.json(200);
    assert_eq!(stored["items"], json!([]), "a post was smuggled in");
}

#[on_both]
async fn request_head_size_is_limited(api: Api) {
    let address = api.server.address;
    let with_field = |field: &str| format!("{GET}{field}\r\n\r\n");
    let fields = "X: y\r\n".repeat(96);
    for (request, expected) in [
        (with_field(&format!("X: {}", "y".repeat(60_000))), Status(200)),
        (with_field(&format!("X: {}", "y".repeat(100_000))), Status(200)),
        (with_field(&format!("X: {}", "y".repeat(200_000))), Rejected),
        (with_field(&format!("{}: x", "y".repeat(200_000))), Rejected),
        (with_field(fields.trim_end()), Rejected),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(60_000)), Status(404)),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(200_000)), Rejected),
        (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "Y".repeat(200_000)), Rejected),
    ] {
        // The whole request would be too long for the message.
        let start: String = request.chars().take(80).collect();
        assert!(failure(address, &request, expected).is_none(), "{start}");
    }
}

/// Pipelined requests on one connection, as a proxy may send them (RFC 9112, section 9.3.2).
#[on_both]
async fn pipelined_responses_keep_the_request_order(api: Api) {
    let paths = ["/health/live", "/nowhere", "/api/posts?limit=0", "/api/posts", "/api/keys"];
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat();
    let bytes = exchange(api.server.address, requests.repeat(8).as_bytes()).unwrap();
    assert_eq!(statuses(&bytes, false), [200, 404, 400, 200, 401].repeat(8));
}
