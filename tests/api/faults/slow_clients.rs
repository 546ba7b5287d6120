//! Clients that send slowly, or not at all, or do not take their answers: each is given up in its time, and none is
//! noticed by the others.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::support::api::ADMIN_KEY;
use crate::support::program::Sandbox;
#[cfg(target_os = "linux")]
use crate::support::{Api, on_both, wait_for};
#[cfg(target_os = "linux")]
use crate::support::{TestDatabase, raw};

/// Between two bytes that drip.
const DRIP: Duration = Duration::from_millis(200);
/// Far more than any of the deadlines, of which the longest here is 10 seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// Sends `start` and then a byte of `drops` now and then, until the server closes, and answers what it said and after
/// how long.
fn drip(address: SocketAddr, start: &str, drops: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DRIP)).unwrap();
    stream.write_all(start.as_bytes()).unwrap();
    let began = Instant::now();
    let mut drops = drops.as_bytes().iter().cycle();
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    while began.elapsed() < PATIENCE {
        match stream.read(&mut buffer) {
            Ok(0) => return (String::from_utf8(said).unwrap(), began.elapsed()),
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return (String::from_utf8(said).unwrap(), began.elapsed()),
        }
        if let Some(drop) = drops.next() {
            // Refused once the server has closed, which the next read tells.
            let _ = stream.write_all(&[*drop]);
        }
    }
    panic!("{start:?}: still open after {PATIENCE:?}: {}", String::from_utf8_lossy(&said));
}

fn post(rest: &str) -> String {
    format!(
        "POST /api/posts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Type: application/json\r\n{rest}"
    )
}

const GET: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

#[on_both]
async fn what_does_not_arrive_in_time_is_given_up(api: Api) {
    let address = api.server.address;
    let second_head = format!("{GET}GET /health/li");
    let second_after_a_post = format!("{}GET /health/li", post("Content-Length: 2\r\n\r\n{}"));
    // What is sent, what drips after it, the answers, and the seconds before which it is not given up.
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
        // Answered without their body, of which nothing more is of interest.
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
    let waiting: Vec<_> = cases
        .into_iter()
        .map(|(start, drops, statuses, least)| {
            let ended = tokio::task::spawn_blocking({
                let start = start.clone();
                move || drip(address, &start, drops)
            });
            (start, statuses, least, ended)
        })
        .collect();
    for (start, statuses, least, ended) in waiting {
        let (said, after) = ended.await.unwrap();
        let told: Vec<u16> = said.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect();
        assert_eq!(told, statuses, "{start:?}: {said}");
        assert!(after >= Duration::from_secs(least), "{start:?}: given up after {after:?} already");
        if least == 9 {
            assert!(said.contains("\"request_timeout\"") && said.contains("connection: close"), "{start:?}: {said}");
        }
    }
    api.create(json!({"title": "After"})).await;
    assert_eq!(api.reader().get("/api/posts?published=any").await.json(200)["items"].as_array().unwrap().len(), 1);
}

/// Connections of every kind that stalls.
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
#[on_both]
async fn a_thousand_stalled_connections_disturb_nobody_and_give_their_descriptors_back(database: TestDatabase) {
    const STALLED: usize = 1000;
    // This process has the other end of each.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(descriptors > 2500, "this needs 2,500 descriptors and may have {descriptors}");
    let place = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0"), ("ADMIN_API_KEY", ADMIN_KEY)]);
    let mut server = place.start("server", &[]);
    let base = server.base_url().await;
    let address: SocketAddr = base.trim_start_matches("http://").parse().unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let healthy = async |count: usize| {
        let mut times = Vec::new();
        for number in 0..count {
            let began = Instant::now();
            let answer = client.get(format!("{base}/api/posts?limit={}", 1 + number % 100)).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            times.push(began.elapsed());
        }
        times.sort();
        times
    };
    healthy(100).await;
    let before = server.descriptors();
    let mut stalled = stall(address, STALLED);
    wait_for("all to be accepted", async || (server.descriptors() >= before + STALLED).then_some(())).await;
    // While they last, and some drip.
    for round in 0..20 {
        for stream in stalled.iter_mut().skip(round).step_by(20) {
            let _ = stream.write_all(b"x");
        }
        let times = healthy(20).await;
        assert!(times[18] < Duration::from_secs(2), "{times:?}");
    }
    wait_for("the descriptors to come back", async || (server.descriptors() <= before + 8).then_some(())).await;
    drop(stalled);
    healthy(10).await;
}

#[cfg(target_os = "linux")]
#[on_both]
async fn who_does_not_take_the_answer_is_given_up(database: TestDatabase) {
    // Half a minute is too long for every run.
    if posts_api::config::environment("FAULT_ROUNDS").is_none() {
        return;
    }
    database.migrate();
    let content = "x".repeat(500_000);
    let post = |id: i64| json!({"id": id, "title": "x", "content": content, "published": true});
    database.import(&(1..=16).map(post).collect::<Vec<_>>());
    let place = Sandbox::new([("DATABASE_URL", database.url.as_str()), ("PORT", "0")]);
    let mut server = place.start("server", &[]);
    let address: SocketAddr = server.base_url().await.trim_start_matches("http://").parse().unwrap();
    let request = b"GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw::reply(address, request).expect(200);
    let before = server.descriptors();
    // Little room for what is not taken, so that the server notices.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(request).unwrap();
    wait_for("the connection to be accepted", async || (server.descriptors() > before).then_some(())).await;
    let began = Instant::now();
    wait_for("it to be given up", async || (server.descriptors() <= before).then_some(())).await;
    assert!(began.elapsed() > Duration::from_secs(20), "given up after {:?} already", began.elapsed());
}
