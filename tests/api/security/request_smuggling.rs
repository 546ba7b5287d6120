//! Bytes that different readers would take for different requests, or for none. Each gets one answer, and never is what
//! stands in a body, or behind the last request, carried out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::{Api, on_both};

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// One answer 4xx or 5xx, and the server closes.
    Refused,
    /// One answer with this status.
    Answered(u16),
    /// One answer with this status, and the server closes; what follows is not carried out, at most answered 400.
    Last(u16),
}
use Expected::{Answered, Last, Refused};

/// In a request: a key that may write, with the type of the body.
const KEY: &str = "<key>";
/// In a request: a whole request that would store a post.
const SMUGGLED: &str = "<smuggled>";
/// In a request: how long that is.
const LENGTH: &str = "<length>";

/// The start of a request that stores a post. `\r\n\r\n` and the body are to follow.
const POST: &str = "POST /api/posts HTTP/1.1\r\nHost: x\r\n<key>";
const GET: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n";

/// Heads behind [`POST`], with their bodies.
const POSTS: &[(&str, Expected)] = &[
    // Two lengths (RFC 9112, section 6.3).
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Content-Length: <length>\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 0\r\nContent-Length: <length>\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 2, 2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 2,2\r\n\r\n{}<smuggled>", Refused),
    // No number.
    ("Content-Length: +2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: -1\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 0x2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 2 2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 2.0\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 1e1\r\n\r\n<smuggled>", Refused),
    ("Content-Length: \u{ff12}\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length:\r\n\r\n<smuggled>", Refused),
    ("Content-Length: \x0b2\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 18446744073709551616\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 18446744073709551618\r\n\r\n{}<smuggled>", Refused),
    ("Content-Length: 9223372036854775808\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 00000000000000000000000002\r\n\r\n{}", Answered(422)),
    ("content-length:2\r\n\r\n{}", Answered(422)),
    // Codings that are not chunked, or hide that they are.
    ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: identity\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunk\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding:\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: \0chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding:  Chunked \r\n\r\n2\r\n{}\r\n0\r\n\r\n", Answered(422)),
    ("Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Answered(422)),
    // Fields that are none (RFC 9112, section 5).
    ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    (" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X: y\r\n\tContent-Length: 0\r\nContent-Length: <length>\r\n\r\n<smuggled>", Refused),
    ("X: y\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    ("Content-Length: 2\nContent-Length: 0\r\n\r\n{}<smuggled>", Refused),
    ("X: \0\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X\0: y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X: \x7f\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    (": y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("X(y): z\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("Host: y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    ("Host: x\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Refused),
    // Another field, whatever a proxy would make of it.
    ("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", Answered(422)),
    ("X-HTTP-Method-Override: GET\r\nContent-Length: 2\r\n\r\n{}", Answered(422)),
    // Chunks that are none (RFC 9112, section 7.1).
    ("Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2_0\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n;x\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2\r{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2;x=\0\r\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2;x\n{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2;x=\"\r\n\"{}\r\n0\r\n\r\n<smuggled>", Refused),
    ("Transfer-Encoding: chunked\r\n\r\n2;name=value;other\r\n{}\r\n0\r\n\r\n", Answered(422)),
    ("Transfer-Encoding: chunked\r\n\r\n000000000000000000000002\r\n{}\r\n00\r\n\r\n", Answered(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n", Answered(422)),
    // Trailers decide nothing: actix-http looks for their end, and not whether they are fields.
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\nAuthorization: x\r\n\r\n", Answered(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n<smuggled>\r\n\r\n", Last(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\n<smuggled>", Last(422)),
    // What stands in a body is a body.
    ("Content-Length: <length>\r\n\r\n<smuggled>", Answered(400)),
    ("Expect: 100-continue\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(400)),
    ("Content-Type: text/plain\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(400)),
    ("Content-Encoding: gzip\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(415)),
    ("Idempotency-Key: \r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(400)),
    ("Content-Length: 99999999\r\n\r\n<smuggled>", Last(413)),
    ("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n<smuggled>", Answered(408)),
];

/// Whole requests.
const REQUESTS: &[(&str, Expected)] = &[
    // Bodies where none is asked for.
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(200)),
    ("HEAD /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(200)),
    (
        "GET /api/posts HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nContent-Length: <length>\r\n\r\n<smuggled>",
        Answered(304),
    ),
    ("OPTIONS /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(204)),
    ("DELETE /api/posts/99 HTTP/1.1\r\nHost: x\r\n<key>Content-Length: <length>\r\n\r\n<smuggled>", Answered(404)),
    (
        "POST /api/posts/99/unpublish HTTP/1.1\r\nHost: x\r\n<key>Content-Length: <length>\r\n\r\n<smuggled>",
        Answered(404),
    ),
    ("POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(401)),
    ("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(404)),
    ("TRACE /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(405)),
    ("POST /docs HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Answered(405)),
    // Without a tunnel, what follows is no request.
    ("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Last(404)),
    ("CONNECT /api/posts HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Last(405)),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n<smuggled>", Last(200)),
    (
        "GET /health/live HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        Answered(200),
    ),
    // The last request of its connection.
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n<smuggled>", Last(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n<smuggled>", Last(200)),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n<smuggled>", Last(200)),
    ("GET /health/live HTTP/1.0\r\n\r\n<smuggled>", Last(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx<smuggled>", Last(200)),
    // HTTP/1.0 (RFC 9112, section 6.1).
    ("POST /api/posts HTTP/1.0\r\n<key>Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Refused),
    (
        "GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>",
        Refused,
    ),
    ("POST /api/posts HTTP/1.0\r\n<key>\r\n<smuggled>", Refused),
    ("POST /api/posts HTTP/1.0\r\n<key>Content-Length: 2\r\n\r\n{}", Last(422)),
    // Hosts (RFC 9112, section 3.2).
    ("GET /health/live HTTP/1.1\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n<smuggled>", Refused),
    ("GET http://elsewhere/health/live HTTP/1.1\r\n\r\n<smuggled>", Refused),
    // Forms of the target.
    ("GET http://elsewhere/health/live HTTP/1.1\r\nHost: x\r\n\r\n", Answered(200)),
    ("GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET health/live HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
    ("GET /health/live#x HTTP/1.1\r\nHost: x\r\n\r\n", Answered(200)),
    ("GET /health/%zz HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /health/live% HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /health/live%2 HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /health/live%00 HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /api/posts/by-slug/%ff HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /api/posts/by-slug/%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n", Answered(404)),
    ("GET /api/posts?q=%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n", Answered(200)),
    ("GET /health/live\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/\0live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/ live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/\tlive HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    // Request lines.
    ("get /health/live HTTP/1.1\r\nHost: x\r\n\r\n", Answered(405)),
    ("GE(T /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("G\0T /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    (" GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET  /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live  HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.1 \r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET\t/health/live\tHTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live http/1.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.2\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.10\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/01.1\r\nHost: x\r\n\r\n<smuggled>", Refused),
    ("GET /health/live HTTP/1.1\rHost: x\r\r<smuggled>", Refused),
    ("\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", Answered(200)),
    // A line may end with LF alone (RFC 9112, section 2.2).
    ("GET /health/live HTTP/1.1\nHost: x\n\n", Answered(200)),
    // Other protocols.
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0<smuggled>", Refused),
    ("GET /health/live\r\n\r\n<smuggled>", Refused),
    ("GET /health/live\r\n", Refused),
    ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", Refused),
    ("SSH-2.0-OpenSSH_9.2\r\n", Refused),
    ("nonsense\r\n\r\n<smuggled>", Refused),
];

/// The statuses of the final answers in what the server sent, one after the other, each as long as it says.
fn answers(mut bytes: &[u8], is_head: bool) -> Vec<u16> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_lowercase();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(head.starts_with("http/1.") && !head.contains("transfer-encoding"), "{head}");
        let length =
            head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        bytes = &bytes[end + if is_head || status < 200 || status == 304 { 0 } else { length }..];
        if status >= 200 {
            answers.push(status);
        }
    }
    answers
}

/// Sends it, and reads all that comes back; `None`: the server did not close, which it does after a while where nothing
/// more comes.
fn exchange(address: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Some(answer),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Some(answer),
            Err(_) => return None,
        }
    }
}

/// What went wrong with a request, if anything did.
fn fault(address: SocketAddr, request: &str, expected: Expected) -> Option<String> {
    let key = format!("Authorization: Bearer {ADMIN_KEY}\r\nContent-Type: application/json\r\n");
    let body = "{\"title\": \"smuggled\", \"slug\": \"smuggled\"}";
    let smuggled = format!("POST /api/posts HTTP/1.1\r\nHost: x\r\n{key}Content-Length: {}\r\n\r\n{body}", body.len());
    let sent = request.replace(KEY, &key).replace(LENGTH, &smuggled.len().to_string()).replace(SMUGGLED, &smuggled);
    let Some(bytes) = exchange(address, sent.as_bytes()) else {
        return Some(format!("{request:?}: not closed"));
    };
    let answers = answers(&bytes, request.starts_with("HEAD"));
    let is_fine = match (expected, answers.as_slice()) {
        (Refused, [status]) => (400..600).contains(status),
        (Answered(expected) | Last(expected), [status]) => *status == expected,
        (Last(expected), [status, after]) => *status == expected && *after == 400,
        _ => false,
    };
    (!is_fine).then(|| format!("{request:?}: {answers:?} instead of {expected:?}"))
}

#[on_both]
async fn each_request_gets_one_response_and_none_is_smuggled(api: Api) {
    let posts = POSTS.iter().map(|(rest, expected)| (format!("{POST}{rest}"), *expected));
    let requests = REQUESTS.iter().map(|(request, expected)| ((*request).to_owned(), *expected));
    let address = api.server.address;
    let waiting: Vec<_> = posts
        .chain(requests)
        .map(|(request, expected)| tokio::task::spawn_blocking(move || fault(address, &request, expected)))
        .collect();
    let mut faults = Vec::new();
    for waiting in waiting {
        faults.extend(waiting.await.unwrap());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let stored = api.reader().get("/api/posts?published=any").await.json(200);
    assert_eq!(stored["items"], json!([]), "a post was smuggled in");
}

#[on_both]
async fn request_head_size_is_limited(api: Api) {
    let address = api.server.address;
    let with = |field: &str| format!("{GET}{field}\r\n\r\n");
    let fields = "X: y\r\n".repeat(96);
    for (request, expected) in [
        (with(&format!("X: {}", "y".repeat(60_000))), Answered(200)),
        (with(&format!("X: {}", "y".repeat(100_000))), Answered(200)),
        (with(&format!("X: {}", "y".repeat(200_000))), Refused),
        (with(&format!("{}: x", "y".repeat(200_000))), Refused),
        (with(fields.trim_end()), Refused),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(60_000)), Answered(404)),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(200_000)), Refused),
        (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "Y".repeat(200_000)), Refused),
    ] {
        let told: String = request.chars().take(80).collect();
        assert_eq!(fault(address, &request, expected).map(|_| told), None);
    }
}

/// One after the other on one connection, as a proxy would send them (RFC 9112, section 9.3.2).
#[on_both]
async fn pipelined_responses_keep_the_request_order(api: Api) {
    let paths = ["/health/live", "/nowhere", "/api/posts?limit=0", "/api/posts", "/api/keys"];
    let row = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).concat();
    let bytes = exchange(api.server.address, row.repeat(8).as_bytes()).unwrap();
    assert_eq!(answers(&bytes, false), [200, 404, 400, 200, 401].repeat(8));
}
