//! Oversized, deeply nested, and malformed bodies are rejected early and in bounded memory.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Api, Reply, TestDatabase, WAIT_LIMIT, http_client, on_both};

const MIB: usize = 1024 * 1024;
const JSON: &str = "application/json";

/// How much of an endless body the server may accept: what it drains after its response, and what the kernel buffers.
const ACCEPTED_LIMIT: usize = 64 * MIB;

/// Sends `head` and then `chunk` repeatedly until the server closes. Returns the response and the accepted bytes.
fn flood(address: SocketAddr, head: &str, chunk: &[u8]) -> (String, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (mut response, mut accepted, mut sent) = (Vec::new(), 0, 0);
    let mut buffer = [0; 4096];
    let start = Instant::now();
    while start.elapsed() < WAIT_LIMIT && accepted < 4 * ACCEPTED_LIMIT {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => response.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        match stream.write(&chunk[sent..]) {
            Ok(count) => {
                accepted += count;
                sent = (sent + count) % chunk.len();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            // The server may have closed after a response that is not yet read.
            Err(_) => {
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    response.extend_from_slice(&buffer[..count]);
                }
                break;
            }
        }
    }
    (String::from_utf8_lossy(&response).into_owned(), accepted)
}

fn head(method: &str, path: &str, key: &str, framing: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{key}Content-Type: {JSON}\r\n{framing}\r\n\r\n")
}

/// Every route that changes data.
fn write_routes(post: &serde_json::Value) -> Vec<(Method, String)> {
    let id = &post["id"];
    vec![
        (Method::POST, "/api/posts".into()),
        (Method::POST, "/api/posts/batch".into()),
        (Method::PUT, "/api/posts/by-slug/existing".into()),
        (Method::PATCH, format!("/api/posts/{id}")),
        (Method::DELETE, format!("/api/posts/{id}")),
        (Method::POST, format!("/api/posts/{id}/publish")),
        (Method::POST, format!("/api/posts/{id}/unpublish")),
        (Method::POST, "/api/keys".into()),
        (Method::DELETE, "/api/keys/1".into()),
    ]
}

fn accepts_body((method, path): &(Method, String)) -> bool {
    *method != Method::DELETE && !path.ends_with("/unpublish")
}

/// A body whose `title` has this JSON text as its value.
fn with_title(value: &str) -> Vec<u8> {
    format!("{{\"title\": {value}}}").into_bytes()
}

#[track_caller]
fn assert_rejected(reply: Reply, context: &str) {
    assert!([400, 422].contains(&reply.status), "{context}: {} {}", reply.status, reply.text());
    let code = if reply.status == 400 { "malformed_json" } else { "validation_failed" };
    assert!(reply.body.len() < 10_000, "{context}: {} bytes", reply.body.len());
    let status = reply.status;
    reply.problem(status, code);
}

#[on_both]
async fn endless_body_is_rejected_without_reading_it_all(api: Api) {
    let address = api.server.address;
    let key = format!("Authorization: Bearer {ADMIN_KEY}\r\n");
    let plain = "Content-Length: 99999999999";
    let chunked = "Transfer-Encoding: chunked";
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 65536], b"\r\n".to_vec()].concat();
    let one_chunk = "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff";
    let cases = [
        (head("POST", "/api/posts", &key, plain), vec![b' '; 65536], 413),
        (head("POST", "/api/posts", &key, chunked), chunk.clone(), 413),
        (
            head("POST", "/api/posts", &key, one_chunk).trim_end_matches("\r\n\r\n").to_owned() + "\r\n",
            vec![b' '; 65536],
            413,
        ),
        (head("PATCH", "/api/posts/1", &key, chunked), chunk.clone(), 413),
        (head("POST", "/api/posts/batch", &key, plain), vec![b' '; 65536], 413),
        (head("POST", "/api/posts/batch", &key, chunked), chunk.clone(), 413),
        (head("POST", "/api/posts", "", plain), vec![b' '; 65536], 401),
        (head("POST", "/api/posts", "", chunked), chunk.clone(), 401),
        (head("GET", "/api/posts", "", chunked), chunk.clone(), 200),
        (head("DELETE", "/nowhere", "", chunked), chunk, 404),
    ];
    for (head, chunk, status) in cases {
        let line = head.clone();
        let (response, accepted) = tokio::task::spawn_blocking(move || flood(address, &head, &chunk)).await.unwrap();
        assert!(accepted < ACCEPTED_LIMIT, "{line}: accepted {accepted} bytes");
        assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "{line}: {response}");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {response}");
        assert!(response.contains("connection: close\r\n"), "{line}: {response}");
    }
}

#[on_both]
async fn every_route_rejects_malformed_or_excessive_json(api: Api) {
    let post = api.create(json!({"title": "Existing", "slug": "existing"})).await;
    let digits = |count: usize| "9".repeat(count);
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nested arrays", [vec![b'['; 10_000], vec![b']'; 10_000]].concat()),
        ("nested objects", [b"{\"a\":".repeat(10_000), b"1".to_vec(), vec![b'}'; 10_000]].concat()),
        ("nested arrays as the title", with_title(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))),
        ("1e400", with_title("1e400")),
        ("-1e400", with_title("-1e400")),
        ("1e-99999", with_title("1e-99999")),
        ("5,000 digits", with_title(&digits(5_000))),
        ("500,000 digits", with_title(&digits(500_000))),
        ("a fraction of 5,000 digits", with_title(&format!("0.{}", digits(5_000)))),
        ("an exponent of 5,000 digits", with_title(&format!("1e{}", digits(5_000)))),
        ("a leading surrogate", with_title("\"\\ud800\"")),
        ("a trailing surrogate", with_title("\"\\udc00\"")),
        ("two leading surrogates", with_title("\"\\ud800\\ud800\"")),
        ("a surrogate in UTF-8", b"{\"title\": \"\xed\xa0\x80\"}".to_vec()),
        ("an overlong slash", b"{\"title\": \"\xc0\xaf\"}".to_vec()),
        ("an overlong NUL", b"{\"title\": \"\xc0\x80\"}".to_vec()),
        ("an overlong quote", b"{\"title\": \"\xe0\x80\xa2\"}".to_vec()),
        ("a code point beyond Unicode", b"{\"title\": \"\xf4\x90\x80\x80\"}".to_vec()),
        ("a truncated character", b"{\"title\": \"\xc3\"}".to_vec()),
        ("a NUL", b"{\"title\": \"a\0b\"}".to_vec()),
        ("a trailing NUL", b"{\"title\": \"a\"}\0".to_vec()),
        ("an escaped NUL", with_title("\"a\\u0000b\"")),
        ("a byte order mark", b"\xef\xbb\xbf{\"title\": \"x\"}".to_vec()),
        ("UTF-16", "{\"title\": \"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a duplicate name", b"{\"title\": \"a\", \"title\": \"b\"}".to_vec()),
        ("a duplicate name, escaped", b"{\"title\": \"a\", \"t\\u0069tle\": \"b\"}".to_vec()),
        ("a duplicate unknown name", b"{\"title\": \"a\", \"x\": {\"y\": 1, \"y\": 1}}".to_vec()),
        ("100,000 arrays", with_title(&format!("[{}[]]", "[],".repeat(100_000)))),
        ("50,000 names", with_names(50_000)),
    ];
    for (method, path) in write_routes(&post).iter().filter(|route| accepts_body(route)) {
        for (case, body) in &bodies {
            let reply = api.admin().call(method.clone(), path).body(JSON, body.clone()).await;
            assert_rejected(reply, &format!("{method} {path}, {case}"));
        }
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([post]));
}

#[on_both]
async fn every_write_route_rejects_content_encoding(api: Api) {
    let post = api.create(json!({"title": "Existing", "slug": "existing"})).await;
    for (method, path) in write_routes(&post) {
        for encoding in ["gzip", "identity", "br, gzip", ""] {
            let call = api.admin().call(method.clone(), &path).header("content-encoding", encoding).body(JSON, "{}");
            call.await.problem(415, "unsupported_content_encoding");
        }
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([post]));
}

/// An object with `count` distinct names.
fn with_names(count: usize) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|number| format!("\"{number:x}\":0")).collect();
    format!("{{{}}}", names.join(",")).into_bytes()
}

/// Sends four bodies just below the size limit at once.
#[cfg(target_os = "linux")]
#[on_both]
async fn batch_memory_stays_bounded(database: TestDatabase) {
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = sandbox.start("server", &[]);
    let url = format!("{}/api/posts/batch", server.base_url().await);
    let client = http_client().timeout(WAIT_LIMIT).build().unwrap();
    let batch = |posts: String| format!("{{\"posts\": [{posts}]}}").into_bytes();
    let bodies = [
        ("a million names", with_names(1_000_000)),
        ("a post of a million names", batch(String::from_utf8(with_names(1_000_000)).unwrap())),
        ("numbers", batch("0,".repeat(8 * MIB - 100) + "0")),
        ("arrays", batch("[],".repeat(5 * MIB) + "[]")),
        ("objects", batch("{},".repeat(5 * MIB) + "{}")),
        ("empty strings", batch("\"\",".repeat(5 * MIB) + "\"\"")),
    ];
    let (before, _) = server.memory();
    for (case, body) in bodies {
        assert!(body.len() < 16 * MIB, "{case}: {}", body.len());
        let calls = (0..4)
            .map(|_| client.post(&url).bearer_auth(ADMIN_KEY).header("content-type", JSON).body(body.clone()).send());
        for response in futures_util::future::join_all(calls).await {
            let response = response.unwrap();
            let status = response.status();
            let problem: serde_json::Value = response.json().await.unwrap();
            assert!(status == 400 || status == 422, "{case}: {status} {problem}");
        }
        let (_, peak) = server.memory();
        // The four bodies alone take 64 MiB.
        let growth = peak.saturating_sub(before) >> 20;
        assert!(growth < 300, "{case}: {growth} MiB");
    }
}
