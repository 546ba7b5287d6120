//! An unread log does not stop the service.

use std::io::{PipeReader, Read};
use std::sync::{Arc, Mutex};

use reqwest::{Client, Method};

use crate::support::program::{Process, Sandbox};
use crate::support::{WAIT_LIMIT, http_client, wait_for};

/// More log than the pipe (64 KiB) and the queue of the service (1 MiB) can hold: each line has at least 250 bytes.
const REQUESTS: usize = 6_000;
const CLIENTS: usize = 8;

fn client() -> Client {
    http_client().timeout(WAIT_LIMIT).build().unwrap()
}

/// Starts the service with a pipe as its log, and returns its address from the welcome text.
async fn start(sandbox: &Sandbox) -> (Process, PipeReader, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = sandbox.start_with_outputs("server", None, Some(writer.into()));
    let base = wait_for("the welcome", async || {
        let welcome = server.stdout();
        let (_, rest) = welcome.split_once("Then open ")?;
        rest.split_once("/api/posts").map(|(base, _)| base.to_owned())
    });
    let base = base.await;
    (server, reader, base)
}

/// Sends rejected writes, each of which the audit log records.
async fn fill_log(base: &str) {
    let path = "x".repeat(200);
    let clients = (0..CLIENTS).map(|_| {
        let (client, url) = (client(), format!("{base}/{path}"));
        tokio::spawn(async move {
            for _ in 0..REQUESTS / CLIENTS {
                let response = client.request(Method::DELETE, &url).send().await.unwrap();
                assert_eq!(response.status(), 404);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

async fn get(url: &str) -> String {
    let response = client().get(url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    response.text().await.unwrap()
}

/// Reads the log from now on, until the service ends.
fn read(mut pipe: PipeReader) -> Arc<Mutex<Vec<u8>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let copy = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            copy.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    });
    log
}

#[tokio::test]
async fn unread_log_drops_lines_counts_them_and_serves_on() {
    let sandbox = Sandbox::new([("PORT", "0"), ("ADMIN_PORT", "0")]);
    let (_server, pipe, base) = start(&sandbox).await;
    fill_log(&base).await;
    get(&format!("{base}/health/live")).await;
    get(&format!("{base}/api/posts")).await;

    let log = read(pipe);
    let text = || String::from_utf8_lossy(&log.lock().unwrap()).into_owned();
    let report = wait_for("the report", async || {
        let text = text();
        let complete = text.rsplit_once('\n')?.0;
        complete.lines().find(|line| line.contains("dropped_log_lines")).map(str::to_owned)
    })
    .await;
    let number = |name: &str| -> usize {
        let value = report.split_whitespace().find_map(|word| word.strip_prefix(name)).unwrap();
        value.parse().unwrap()
    };
    let dropped = number("total=");
    assert!(report.contains("WARN") && number("lines=") == dropped && dropped > 0, "{report}");
    // The report follows the lines that were not dropped.
    assert_eq!(text().lines().filter(|line| line.contains(" audit: ")).count() + dropped, REQUESTS);

    let text = text();
    let (_, rest) = text.split_once("serving metrics on ").unwrap();
    let metrics = get(rest.split_whitespace().next().unwrap()).await;
    assert!(metrics.contains(&format!("\nposts_api_log_lines_dropped_total {dropped}\n")), "{metrics}");
}

#[tokio::test]
async fn unread_log_does_not_delay_the_exit_forever() {
    let sandbox = Sandbox::new([("PORT", "0")]);
    let (mut server, pipe, base) = start(&sandbox).await;
    fill_log(&base).await;
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
    drop(pipe);
}

#[tokio::test]
async fn closed_log_pipe_does_not_stop_the_service() {
    let sandbox = Sandbox::new([("PORT", "0")]);
    let (mut server, pipe, base) = start(&sandbox).await;
    drop(pipe);
    fill_log(&base).await;
    get(&format!("{base}/health/live")).await;
    server.signal("TERM");
    assert!(server.wait_for_exit().await.success());
}
