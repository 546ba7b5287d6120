//! Bodies that are too large, too deep, too many or no text at all: refused early, and in bounded memory.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
use crate::support::{Api, Reply, TestDatabase, on_both};

const MIB: usize = 1024 * 1024;
const JSON: &str = "application/json";

/// What the server may take of a body without an end: what it reads on behind its answer, and what the kernel holds.
const TAKEN_AT_MOST: usize = 64 * MIB;

/// Sends `start` and then `more` again and again until the server closes. The answer, and how much it took.
fn flood(address: SocketAddr, start: &str, more: &[u8]) -> (String, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(start.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (mut answer, mut taken, mut sent) = (Vec::new(), 0, 0);
    let mut buffer = [0; 4096];
    let began = Instant::now();
    while began.elapsed() < Duration::from_mins(1) && taken < 4 * TAKEN_AT_MOST {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        match stream.write(&more[sent..]) {
            Ok(count) => {
                taken += count;
                sent = (sent + count) % more.len();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            // It may have closed with an answer that is still to be read.
            Err(_) => {
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    answer.extend_from_slice(&buffer[..count]);
                }
                break;
            }
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), taken)
}

fn head(method: &str, path: &str, key: &str, framing: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{key}Content-Type: {JSON}\r\n{framing}\r\n\r\n")
}

/// Every route that takes a body or changes anything, with a body that it takes.
fn writes(post: &serde_json::Value) -> Vec<(Method, String)> {
    let id = &post["id"];
    vec![
        (Method::POST, "/api/posts".into()),
        (Method::POST, "/api/posts/batch".into()),
        (Method::PUT, "/api/posts/by-slug/stays".into()),
        (Method::PATCH, format!("/api/posts/{id}")),
        (Method::DELETE, format!("/api/posts/{id}")),
        (Method::POST, format!("/api/posts/{id}/publish")),
        (Method::POST, format!("/api/posts/{id}/unpublish")),
        (Method::POST, "/api/keys".into()),
        (Method::DELETE, "/api/keys/1".into()),
    ]
}

fn takes_a_body((method, path): &(Method, String)) -> bool {
    *method != Method::DELETE && !path.ends_with("/unpublish")
}

/// A field that every route would read if it were a string.
fn with_title(value: &str) -> Vec<u8> {
    format!("{{\"title\": {value}}}").into_bytes()
}

#[track_caller]
fn is_refused(reply: Reply, what: &str) {
    assert!([400, 422].contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
    let code = if reply.status == 400 { "malformed_json" } else { "validation_failed" };
    assert!(reply.body.len() < 10_000, "{what}: {} bytes", reply.body.len());
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
    for (head, more, status) in cases {
        let line = head.clone();
        let (answer, taken) = tokio::task::spawn_blocking(move || flood(address, &head, &more)).await.unwrap();
        assert!(taken < TAKEN_AT_MOST, "{line}: took {taken} bytes");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{line}: {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{line}: {answer}");
    }
}

#[on_both]
async fn every_route_rejects_malformed_or_excessive_json(api: Api) {
    let post = api.create(json!({"title": "Stays", "slug": "stays"})).await;
    let digits = |count: usize| "9".repeat(count);
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("a list in lists", [vec![b'['; 10_000], vec![b']'; 10_000]].concat()),
        ("an object in objects", [b"{\"a\":".repeat(10_000), b"1".to_vec(), vec![b'}'; 10_000]].concat()),
        ("a title of lists", with_title(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))),
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
        ("beyond Unicode", b"{\"title\": \"\xf4\x90\x80\x80\"}".to_vec()),
        ("half a character", b"{\"title\": \"\xc3\"}".to_vec()),
        ("a NUL", b"{\"title\": \"a\0b\"}".to_vec()),
        ("a NUL behind", b"{\"title\": \"a\"}\0".to_vec()),
        ("an escaped NUL", with_title("\"a\\u0000b\"")),
        ("a byte order mark", b"\xef\xbb\xbf{\"title\": \"x\"}".to_vec()),
        ("UTF-16", "{\"title\": \"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a name twice", b"{\"title\": \"a\", \"title\": \"b\"}".to_vec()),
        ("a name twice, once escaped", b"{\"title\": \"a\", \"t\\u0069tle\": \"b\"}".to_vec()),
        ("an unknown name twice", b"{\"title\": \"a\", \"x\": {\"y\": 1, \"y\": 1}}".to_vec()),
        ("100,000 lists", with_title(&format!("[{}[]]", "[],".repeat(100_000)))),
        ("50,000 names", with_names(50_000)),
    ];
    for write in writes(&post).iter().filter(|write| takes_a_body(write)) {
        let (method, path) = write;
        for (what, body) in &bodies {
            let reply = api.admin().call(method.clone(), path).body(JSON, body.clone()).await;
            is_refused(reply, &format!("{method} {path}, {what}"));
        }
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([post]));
}

#[on_both]
async fn every_write_route_rejects_content_encoding(api: Api) {
    let post = api.create(json!({"title": "Stays", "slug": "stays"})).await;
    for (method, path) in writes(&post) {
        for encoding in ["gzip", "identity", "br, gzip", ""] {
            let call = api.admin().call(method.clone(), &path).header("content-encoding", encoding).body(JSON, "{}");
            call.await.problem(415, "unsupported_content_encoding");
        }
    }
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], json!([post]));
}

/// An object with so many names.
fn with_names(count: usize) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|number| format!("\"{number:x}\":0")).collect();
    format!("{{{}}}", names.join(",")).into_bytes()
}

/// The largest bodies that are read at all, all at once.
#[cfg(target_os = "linux")]
#[on_both]
async fn batch_memory_stays_bounded(database: TestDatabase) {
    let place = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = place.start("server", &[]);
    let url = format!("{}/api/posts/batch", server.base_url().await);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
    let wrapped = |inside: String| format!("{{\"posts\": [{inside}]}}").into_bytes();
    let bodies = [
        ("a million names", with_names(1_000_000)),
        ("a post of a million names", wrapped(String::from_utf8(with_names(1_000_000)).unwrap())),
        ("numbers", wrapped("0,".repeat(8 * MIB - 100) + "0")),
        ("lists", wrapped("[],".repeat(5 * MIB) + "[]")),
        ("objects", wrapped("{},".repeat(5 * MIB) + "{}")),
        ("empty strings", wrapped("\"\",".repeat(5 * MIB) + "\"\"")),
    ];
    let (before, _) = server.memory();
    for (what, body) in bodies {
        assert!(body.len() < 16 * MIB, "{what}: {}", body.len());
        let calls = (0..4)
            .map(|_| client.post(&url).bearer_auth(ADMIN_KEY).header("content-type", JSON).body(body.clone()).send());
        for answer in futures_util::future::join_all(calls).await {
            let answer = answer.unwrap();
            let status = answer.status();
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert!(status == 400 || status == 422, "{what}: {status} {problem}");
        }
        let (_, peak) = server.memory();
        // Four bodies of 16 MiB, and little more than them.
        let grown = peak.saturating_sub(before) >> 20;
        assert!(grown < 300, "{what}: {grown} MiB");
    }
}
