//! Clients that send slowly, send nothing, or do not read their responses: the server closes each connection at its
//! deadline, and other clients are not affected.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::support::api::ADMIN_KEY;
use crate::support::program::{Process, Sandbox};
use crate::support::{Api, WAIT_LIMIT, http_client, on_both};
#[cfg(target_os = "linux")]
use crate::support::{TestDatabase, raw, wait_for, wait_until};

/// The pause between two bytes of [`drip`].
const DRIP: Duration = Duration::from_millis(200);

/// Sends `start`, and then one byte of `rest` after each pause until the server closes the connection. Returns the
/// response and the time since the client began to connect.
fn drip(address: SocketAddr, start: &str, rest: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DRIP)).unwrap();
    stream.write_all(start.as_bytes()).unwrap();
    let mut rest = rest.as_bytes().iter().cycle();
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while began.elapsed() < WAIT_LIMIT {
        match stream.read(&mut buffer) {
            Ok(0) => return (String::from_utf8(response).unwrap(), began.elapsed()),
            Ok(count) => response.extend_from_slice(&buffer[..count]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return (String::from_utf8(response).unwrap(), began.elapsed()),
        }
        if let Some(byte) = rest.next() {
            // Fails after the server has closed. The next read reports that.
            let _ = stream.write_all(&[*byte]);
        }
    }
    panic!("{start:?}: still open after {WAIT_LIMIT:?}: {}", String::from_utf8_lossy(&response));
}

fn post(rest: &str) -> String {
    format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Type: application/json\r\n{rest}"
    )
}

const GET: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

#[on_both]
async fn incomplete_requests_are_closed_after_their_deadline(api: Api) {
    let address = api.server.address;
    let second_head = format!("{GET}GET /health/li");
    let second_after_a_post = format!("{}GET /health/li", post("Content-Length: 2\r\n\r\n{}"));
    // The start of the request, the bytes that follow slowly, the response statuses, and the minimum time in seconds
    // before the server closes.
    let cases = [
        ("GET /health/li".to_owned(), "x", vec![408], 4),
        ("GET /health/live HTTP/1.1\r\n".to_owned(), "X: y\r\n", vec![408], 4),
        ("GET /health/live HTTP/1.1\r\n".to_owned(), "", vec![408], 4),
        (String::new(), "", vec![408], 4),
        (second_head.clone(), "x", vec![200], 4),
        (second_head, "", vec![200], 4),
        (second_after_a_post, "x", vec![422], 4),
        (GET.to_owned(), "", vec![200], 4),
        (post("Content-Length: 1000\r\n\r\n{"), " ", vec![408], 9),
        (post("Content-Length: 1000\r\n\r\n{"), "", vec![408], 9),
        (post("Transfer-Encoding: chunked\r\n\r\n"), "1\r\n \r\n", vec![408], 9),
        (post("Transfer-Encoding: chunked\r\n\r\n5\r\n{"), "", vec![408], 9),
        (post("Transfer-Encoding: chunked\r\n\r\n2;"), "x", vec![408], 9),
        (post("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"), "X: y\r\n", vec![408], 9),
        // These get a response without their body being read, so the server closes without waiting for it.
        (
            "POST /api/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            "1\r\n \r\n",
            vec![401],
            0,
        ),
        ("POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".to_owned(), " ", vec![401], 0),
        (
            "GET /api/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            "1\r\n \r\n",
            vec![200],
            0,
        ),
        ("DELETE /nowhere HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n".to_owned(), "x", vec![404], 0),
    ];
    let clients: Vec<_> = cases
        .into_iter()
        .map(|(start, rest, statuses, minimum)| {
            let client = tokio::task::spawn_blocking({
                let start = start.clone();
                move || drip(address, &start, rest)
            });
            (start, statuses, minimum, client)
        })
        .collect();
    for (start, expected, minimum, client) in clients {
        let (text, time) = client.await.unwrap();
        let statuses: Vec<u16> =
            text.split("HTTP/1.1 ").skip(1).map(|response| response[..3].parse().unwrap()).collect();
        assert_eq!(statuses, expected, "{start:?}: {text}");
        assert!(time >= Duration::from_secs(minimum), "{start:?}: closed after only {time:?}");
        if minimum == 9 {
            assert!(text.contains("\"request_timeout\"") && text.contains("connection: close"), "{start:?}: {text}");
        }
    }
    api.create(json!({"title": "After"})).await;
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"].as_array().unwrap().len(), 1);
}

/// Opens connections that stall at different points of a request.
#[cfg(target_os = "linux")]
fn stall(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let starts = [
        String::new(),
        "GET /health/live HTTP/1.1\r\nX: ".to_owned(),
        format!("{GET}GET /health/li"),
        post("Content-Length: 1000\r\n\r\n{"),
        post("Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
    ];
    let mut streams = Vec::new();
    for start in starts.iter().cycle().take(count) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        streams.push(stream);
    }
    streams
}

#[cfg(target_os = "linux")]
const STALLED: usize = 1000;

/// Opens connections that stall, and waits until the server has accepted all of them. Begins again if it closes the
/// first ones at their deadline of 5 seconds before it has accepted the last.
#[cfg(target_os = "linux")]
async fn stall_until_accepted(server: &Process, address: SocketAddr) -> Vec<TcpStream> {
    let before = server.descriptors();
    wait_for("all stalled connections to be open at once", async || {
        let streams = stall(address, STALLED);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if server.descriptors() >= before + STALLED {
                return Some(streams);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    })
    .await
}

#[cfg(target_os = "linux")]
#[on_both]
async fn stalled_connections_do_not_block_other_clients(database: TestDatabase) {
    // This process has the other end of each connection.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(limit > 2500, "this test needs 2,500 file descriptors, and the limit is {limit}");
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = sandbox.start("server", &[]);
    let base = server.base_url().await;
    let address: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let client = http_client().timeout(Duration::from_mins(1)).build().unwrap();
    let read = async |count: usize| {
        for number in 0..count {
            let response = client.get(format!("{base}/api/posts?limit={}", 1 + number % 100)).send().await.unwrap();
            assert_eq!(response.status(), 200);
        }
    };
    read(100).await;
    let before = server.descriptors();
    let mut stalled = stall_until_accepted(&server, address).await;
    for round in 0..20 {
        for stream in stalled.iter_mut().skip(round).step_by(20) {
            let _ = stream.write_all(b"x");
        }
        read(20).await;
    }
    wait_until("the server to close the stalled connections", async || server.descriptors() <= before + 8).await;
    drop(stalled);
    read(10).await;
}

/// Whether the server has not closed its connection to the client. Both addresses are 127.0.0.1.
#[cfg(target_os = "linux")]
fn is_open(server: SocketAddr, client: SocketAddr) -> bool {
    const ESTABLISHED: &str = "01";
    let end = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let (server, client) = (end(server), end(client));
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    connections.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1..4) == Some(&[server.as_str(), client.as_str(), ESTABLISHED])
    })
}

#[cfg(target_os = "linux")]
#[on_both]
async fn clients_that_stop_reading_are_disconnected(database: TestDatabase) {
    // The deadline of 30 seconds is too long for every run.
    if posts_api::config::environment("FAULT_ROUNDS").is_none() {
        return;
    }
    database.migrate();
    let content = "x".repeat(500_000);
    let post = |id: i64| json!({"id": id, "title": "x", "content": content, "published": true});
    database.import(&(1..=16).map(post).collect::<Vec<_>>());
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0")]);
    let mut server = sandbox.start("server", &[]);
    let address: SocketAddr = server.base_url().await.trim_start_matches("http://").parse().unwrap();
    let request = b"GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw::reply(address, request).expect(200);
    // A small receive buffer, so that the server's writes block.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let client = stream.local_addr().unwrap();
    assert!(is_open(address, client));
    let start = Instant::now();
    stream.write_all(request).unwrap();
    wait_until("the server to close the connection", async || !is_open(address, client)).await;
    assert!(start.elapsed() > Duration::from_secs(20), "closed after only {:?}", start.elapsed());
}
