//! Clients that do not read their responses, and slow uploads: the memory of requests and responses in progress stays
//! within its limit, and other clients are still served.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use posts_api::config::Config;
use posts_api::http::transport::memory_budget::MemoryBudget;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::support::api::ADMIN_KEY;
use crate::support::{Api, TestDatabase, http_client, on_both, raw, report_skipped, wait_for, wait_until};
#[cfg(target_os = "linux")]
use crate::support::{program::Sandbox, report_figures};

const MIB: u64 = 1024 * 1024;
/// `RESPONSE_BYTES`.
const LIMIT: u64 = 16 * MIB;
/// The number of long posts. A page for clients without a key has two of them.
const POSTS: i64 = 40;
const CLIENTS: i64 = 30;

/// Text that gzip compresses to about a quarter, and no further.
fn long_content(seed: i64) -> String {
    let mut state = seed.unsigned_abs() + 1;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"abcd"[usize::try_from(state >> 62).unwrap()])
    };
    (0..500_000).map(|_| letter()).collect()
}

fn start(database: TestDatabase, cache_bytes: u64) -> Api {
    database.migrate();
    let post = |id: i64| json!({"id": id, "title": format!("{id}"), "content": long_content(id), "published": true});
    database.import(&(1..=POSTS).map(post).collect::<Vec<_>>());
    Api::start(&Arc::new(database), |config: &mut Config| {
        config.cache_bytes = cache_bytes;
        config.response_bytes = LIMIT;
    })
}

fn budget(api: &Api) -> &MemoryBudget {
    api.server.cache.budget()
}

/// Sends a request on a connection with a small receive buffer, so that the server's writes block, and reads nothing.
fn stall(address: SocketAddr, path: &str, fields: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes()).unwrap();
    stream
}

/// A page of two long posts, different for each number.
fn page(number: i64) -> String {
    format!("/api/posts?limit={}", 2 + number)
}

/// Stalls clients until the server refuses a long page. Returns their connections.
async fn exhaust(api: &Api, path: impl Fn(i64) -> String) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    let refused = wait_for("a long page to be refused", async || {
        clients.push(stall(api.server.address, &path(i64::try_from(clients.len()).unwrap()), ""));
        assert!(budget(api).used() <= budget(api).limit());
        let reply = api.get("/api/posts?limit=99").await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(503, "server_busy");
    clients
}

#[on_both]
async fn stalled_readers_do_not_exceed_the_memory_limit(database: TestDatabase) {
    let api = start(database, 0);
    let clients = exhaust(&api, page).await;
    let more: Vec<TcpStream> = (0..CLIENTS).map(|number| stall(api.server.address, &page(number), "")).collect();
    for _ in 0..20 {
        // The server disconnects the clients after a while, which makes room for others.
        let reply = api.get("/api/posts").await;
        assert!([200, 503].contains(&reply.status), "{}", reply.status);
        assert!(budget(&api).used() <= LIMIT, "{}", budget(&api).used());
    }
    // Short responses and clients with a key are still served.
    api.get("/api/posts?view=summary").await.expect(200);
    api.get("/api/posts/9999").await.problem(404, "not_found");
    api.reader().get("/api/posts?limit=5").await.expect(200);
    api.create(json!({"title": "Another"})).await;
    drop((clients, more));
    wait_until("the memory to be released", async || budget(&api).used() == 0).await;
    let page = api.get("/api/posts").await.json(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "as before");
}

#[on_both]
async fn bodies_that_clients_share_are_counted_once(database: TestDatabase) {
    let api = start(database, 8 * MIB);
    wait_until("the page to be cached", async || {
        api.get("/api/posts").await.expect(200);
        api.server.cache.stats().hits > 0
    })
    .await;
    let cached = budget(&api).used();
    assert!((MIB / 2..3 * MIB).contains(&cached), "{cached}");
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| stall(api.server.address, "/api/posts", "")).collect();
    for _ in 0..20 {
        api.get("/api/posts").await.expect(200);
    }
    // Twice if the server has just detected the import as a change and read the page again. Never once for each client.
    let used = budget(&api).used();
    assert!((cached..=2 * cached).contains(&used), "{cached}, {used}");
    // The cache replaces the page, but the clients still hold it.
    api.create(json!({"title": "Another", "published": true})).await;
    api.get("/api/posts").await.expect(200);
    assert!(budget(&api).used() >= cached);
    drop(clients);
    wait_until("the page to be released", async || budget(&api).used() < cached * 3 / 2).await;
}

#[on_both]
async fn compressed_bodies_are_counted_by_their_own_size(database: TestDatabase) {
    let api = start(database, 0);
    let client = wait_for("a compressed response", async || {
        let mut client = stall(api.server.address, "/api/posts", "Accept-Encoding: gzip\r\n");
        let mut head = [0; 512];
        client.read_exact(&mut head).unwrap();
        // The servers of all tests share two permits. Without one, the response is not compressed.
        String::from_utf8_lossy(&head).contains("content-encoding: gzip").then_some(client)
    })
    .await;
    let is_compressed = |used: u64| (MIB / 8..MIB / 2).contains(&used);
    wait_until("the memory of only the compressed body", async || is_compressed(budget(&api).used())).await;
    drop(client);
    wait_until("the memory to be released", async || budget(&api).used() == 0).await;
}

#[on_both]
async fn slow_readers_are_disconnected_early_if_memory_is_scarce(database: TestDatabase) {
    let api = start(database, 0);
    let start = Instant::now();
    let mut clients = exhaust(&api, page).await;
    wait_until("the clients to be disconnected", async || {
        for client in &mut clients {
            client.set_nonblocking(true).unwrap();
            // A client that reads one byte now and then makes no progress.
            let _ = client.read(&mut [0]);
        }
        budget(&api).used() < LIMIT / 4
    })
    .await;
    assert!(start.elapsed() >= Duration::from_secs(10), "{:?}", start.elapsed());
    api.get("/api/posts").await.expect(200);
}

#[on_both]
async fn slow_uploads_do_not_exceed_the_memory_limit(database: TestDatabase) {
    let api = start(database, 0);
    let address = api.server.address;
    let length = MIB - 1024;
    let head = format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let part = vec![b' '; usize::try_from(length).unwrap() - 1];
    let mut responses = Vec::new();
    let uploads: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (head, part) = (head.clone(), part.clone());
            tokio::task::spawn_blocking(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&part));
                stream
            })
        })
        .collect();
    let mut streams = Vec::new();
    for upload in uploads {
        streams.push(upload.await.unwrap());
    }
    wait_until("an upload to be refused", async || {
        assert!(budget(&api).used() <= LIMIT);
        budget(&api).refusals() > 0
    })
    .await;
    for stream in &mut streams {
        stream.set_nonblocking(true).unwrap();
        let mut response = [0; 1024];
        match stream.read(&mut response) {
            Ok(count) => responses.push(String::from_utf8_lossy(&response[..count]).into_owned()),
            Err(error) => assert!([ErrorKind::WouldBlock, ErrorKind::ConnectionReset].contains(&error.kind())),
        }
    }
    assert!(responses.iter().all(|response| response.starts_with("HTTP/1.1 503 ")), "{responses:?}");
    drop(streams);
    wait_until("the memory to be released", async || budget(&api).used() == 0).await;
    api.create(json!({"title": "Another"})).await;
}

/// An address of this machine that is not a loopback address. Sends nothing.
fn own_address() -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().filter(|address| !address.ip().is_loopback())
}

#[on_both]
async fn one_address_has_a_limited_number_of_connections(database: TestDatabase) {
    let Some(own) = own_address() else { return report_skipped("the limit of connections: no network address") };
    let api = Api::start(&Arc::new(database), |config| {
        config.host = [0, 0, 0, 0].into();
        config.connections_per_ip = 3;
    });
    let address = SocketAddr::new(own.ip(), api.server.address.port());
    let request = b"GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    // The server counts a connection some time after the client has it.
    let refused = wait_for("a connection to be refused", async || {
        let open: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        let response = String::from_utf8(raw::exchange(address, request)).unwrap();
        drop(open);
        response.starts_with("HTTP/1.1 503 ").then_some(response)
    })
    .await;
    for expected in ["\r\nretry-after: 1\r\n", "\r\nconnection: close\r\n", "\"code\":\"server_busy\""] {
        assert!(refused.contains(expected), "{expected:?}: {refused}");
    }
    // Other addresses, and a proxy on this machine, are not affected.
    for _ in 0..10 {
        raw::reply(([127, 0, 0, 1], address.port()).into(), request).expect(200);
    }
    wait_until("the client to be served again", async || raw::exchange(address, request).starts_with(b"HTTP/1.1 200 "))
        .await;
}

/// Requests that are sent without reading a response. The server must neither parse nor execute them far ahead.
#[cfg(target_os = "linux")]
#[on_both]
async fn pipelined_requests_do_not_occupy_memory(database: TestDatabase) {
    const PIPELINES: usize = 60;
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = sandbox.start("server", &[]);
    let address: SocketAddr = server.base_url().await.trim_start_matches("http://").parse().unwrap();
    let probe = b"GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw::reply(address, probe).expect(200);
    let (before, _) = server.memory();
    let mut streams = Vec::new();
    for request in ["HEAD /nowhere HTTP/1.1\r\nHost:\r\n\r\n", "GET /docs/scalar.js HTTP/1.1\r\nHost:\r\n\r\n"] {
        let requests = request.repeat(1024 * 1024 / request.len());
        for _ in 0..PIPELINES {
            let stream = stall(address, "/health/live", "");
            stream.set_nonblocking(true).unwrap();
            streams.push((stream, requests.clone().into_bytes()));
            let (stream, requests) = streams.last_mut().unwrap();
            let _ = stream.write(requests);
        }
    }
    for _ in 0..20 {
        for (stream, requests) in &mut streams {
            let _ = stream.write(requests);
        }
        raw::reply(address, probe).expect(200);
    }
    let (_, peak) = server.memory();
    report_figures(&format!("memory before and at the peak: {before}, {peak}"));
    // The clients try to send 120 MiB and more.
    assert!(peak < before + 96 * MIB, "{before}, {peak}");
}

#[on_both]
async fn metrics_show_the_memory_of_responses(database: TestDatabase) {
    let api = Api::start(&Arc::new(database), |config| config.admin_port = Some(0));
    let url = format!("http://{}/metrics", api.server.admin_address.unwrap());
    let client = http_client().build().unwrap();
    let text = wait_for("a response in the cache", async || {
        api.get("/api/posts").await.expect(200);
        let text = client.get(&url).send().await.unwrap().text().await.unwrap();
        (!text.contains("posts_api_response_memory_bytes 0\n")).then_some(text)
    })
    .await;
    for (name, minimum) in [
        ("response_memory_bytes", 1.0),
        ("response_memory_limit_bytes", 134_217_728.0),
        ("response_memory_refusals_total", 0.0),
        ("http_connections", 1.0),
        ("http_connections_refused_total", 0.0),
        ("http_slow_clients_total", 0.0),
    ] {
        let line = text.lines().find(|line| line.starts_with(&format!("posts_api_{name} ")));
        let value: f64 = line.unwrap_or_else(|| panic!("{name}: {text}")).split(' ').nth(1).unwrap().parse().unwrap();
        assert!(value >= minimum, "{name}: {value}");
    }
}
