//! Every method on every documented path, unknown paths, malformed requests, and panics.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, on_both, raw, wait_for};

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

/// The documented paths, with parameters that exist, and the methods of each.
async fn paths(api: &Api) -> Vec<(String, BTreeSet<String>)> {
    let post = api.create(json!({"title": "Routes", "published": true})).await;
    let document = api.get("/api/openapi.json").await.json(200);
    document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, operations)| {
            let path = path
                .replace("{id}", &post["id"].to_string())
                .replace("{slug}", "routes")
                .replace("{name}", "page.css")
                .replace("{code}", "not_found");
            assert!(!path.contains('{'), "{path}");
            let methods = operations.as_object().unwrap().keys().map(|method| method.to_uppercase());
            let mut methods: BTreeSet<String> = methods.collect();
            if methods.contains("GET") {
                methods.insert("HEAD".into());
            }
            methods.insert("OPTIONS".into());
            (path, methods)
        })
        .collect()
}

fn methods(allow: &str) -> BTreeSet<String> {
    allow.split(", ").map(str::to_owned).collect()
}

#[on_both]
async fn unsupported_method_returns_405_with_allow(api: Api) {
    let paths = paths(&api).await;
    assert!(paths.len() >= 13, "{paths:?}");
    for (path, allowed) in &paths {
        for method in METHODS.iter().filter(|method| !allowed.contains(**method)) {
            let reply = api.call(method.parse().unwrap(), path).await.expect(405);
            assert_eq!(methods(reply.header("allow").unwrap()), *allowed, "{method} {path}");
            if *method != "HEAD" {
                reply.problem(405, "method_not_allowed");
            }
        }
    }
}

#[on_both]
async fn options_lists_the_methods(api: Api) {
    for (path, allowed) in paths(&api).await {
        let reply = api.call(Method::OPTIONS, &path).await.expect(204);
        assert_eq!(methods(reply.header("allow").unwrap()), allowed, "{path}");
    }
}

#[on_both]
async fn head_matches_get_without_the_body(api: Api) {
    api.create(json!({"title": "Draft"})).await;
    let paths = paths(&api).await.into_iter().map(|(path, _)| path);
    crate::changes::wait_until_settled(&api).await;
    // An event stream has no end; `changes::stream::requests` tests its HEAD.
    let mut targets: Vec<String> = paths.filter(|path| path != "/api/changes/stream").collect();
    // Errors as well.
    targets.extend(["/api/posts/1", "/api/posts?limit=0", "/nowhere", "/api/posts?published=any"].map(str::to_owned));
    for key in [api.clone(), api.admin()] {
        for path in &targets {
            // The feed is not ready while polls are late on a busy machine.
            let (get, head) = wait_for("responses that are not 503", async || {
                let replies = (key.get(path).await, key.call(Method::HEAD, path).await);
                (replies.0.status != 503 && replies.1.status != 503).then_some(replies)
            })
            .await;
            let head = head.expect(get.status);
            assert!(head.body.is_empty(), "{path}");
            for name in
                ["content-type", "etag", "content-security-policy", "cache-control", "www-authenticate", "allow"]
            {
                assert_eq!(head.header(name), get.header(name), "{path}: {name}; {}", get.text());
            }
            if get.status == 200 {
                assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
            }
        }
    }
}

#[on_both]
async fn docs_slash_redirects_to_the_docs(api: Api) {
    // Relative, so that it works behind a proxy that serves the page below another path.
    assert_eq!(api.get("/docs/").await.expect(307).header("location"), Some("../docs"));
}

#[on_both]
async fn unknown_path_returns_404(api: Api) {
    for path in [
        "/api", "/api/", "/api/posts/", "/api/posts/1/", "/api/posts/by-slug/", "/api/posts/by-slug/a/b",
        "/api/posts/1/publish/", "/api/keys/", "/API/POSTS", "/docs/nothing.js", "/docs/../Cargo.toml",
        "/docs/..%2f..%2fCargo.toml", "/problems/", "/problems/no_such_code", "//api/posts", "/health", "/metrics",
        "/.env", "/posts.db", "/api/posts/1/..%2f2",
    ] {
        // Raw bytes, because an HTTP client would normalize the path.
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw::reply(api.server.address, request.as_bytes()).problem(404, "not_found");
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let reply = raw::reply(api.server.address, request.as_bytes());
        assert!([404, 405].contains(&reply.status), "POST {path}: {}", reply.status);
    }
}

#[on_both]
async fn every_response_has_its_own_request_id(api: Api) {
    let mut ids = BTreeSet::new();
    for path in ["/api/posts", "/api/posts/1", "/nowhere", "/docs", "/health/live", "/api/keys", "/api/posts"] {
        let reply = api.get(path).header("x-request-id", "chosen-by-the-client").await;
        ids.insert(reply.header("x-request-id").unwrap().to_owned());
    }
    assert_eq!(ids.len(), 7, "{ids:?}");
}

#[on_both]
async fn malformed_http_is_rejected(api: Api) {
    for request in [
        &b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"POST /api/posts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let response = raw::exchange(api.server.address, request);
        let status = String::from_utf8_lossy(&response[..response.len().min(12)]).into_owned();
        assert!(["", "HTTP/1.1 400", "HTTP/1.1 401"].contains(&status.as_str()), "{request:?}: {status}");
    }
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn truncated_body_is_not_stored(api: Api) {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(api.server.address).unwrap();
    let key = crate::support::api::ADMIN_KEY;
    let request = format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{\"title\": \"x\"}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    drop(stream);
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"], Value::Array(Vec::new()));
}

/// Wraps a handler that panics in the envelope middleware, because no handler of the server panics.
#[tokio::test]
async fn panic_returns_a_problem_and_keeps_the_connection() {
    use actix_web::{App, HttpServer, middleware::from_fn, web};

    async fn panicking() -> &'static str {
        panic!("with a secret")
    }
    async fn working() -> &'static str {
        "works"
    }
    let (started, wait) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let app = || {
                App::new()
                    .route("/panic", web::get().to(panicking))
                    .route("/working", web::get().to(working))
                    .wrap(from_fn(posts_api::http::middleware::envelope::envelope))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            started.send((address, server.handle())).unwrap();
            server.await.unwrap();
        });
    });
    let (address, handle) = wait.recv().unwrap();
    // Both requests use one connection.
    let requests =
        b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /working HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut first = raw::reply(address, requests);
    let second_start = first.body.windows(9).position(|window| window == b"HTTP/1.1 ").expect("a second response");
    let second = first.body.split_off(second_start);
    assert!(second.starts_with(b"HTTP/1.1 200 ") && second.ends_with(b"works"));
    assert_eq!(first.header("x-content-type-options"), Some("nosniff"));
    let problem = first.problem(500, "internal_error");
    assert!(!problem.to_string().contains("secret"));
    drop(handle.stop(false));
    thread.join().unwrap();
}
