//! A receiver of webhooks, which can be slow, hostile, or down.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::receiver::{Received, read};
use super::wait_until;

/// How the receiver responds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behavior {
    Status(u16),
    /// A status, and further header lines.
    Headers(u16, String),
    /// Sends nothing.
    Hang,
    /// Sends the head one byte a second.
    DripHead,
    /// Sends a body one byte a second, after the head.
    DripBody,
    /// Sends a body of 1 GB.
    Gigabyte,
    /// Sends 10,000 header lines.
    ManyHeaders,
    /// Sends a header line of 1 GB.
    LongHeader,
    /// Sends interim responses without an end.
    Interim,
    /// Sends something else than HTTP.
    Garbage,
    /// Closes the connection without a response.
    Close,
}

/// A request, and the order in which it came.
#[derive(Debug, Clone)]
pub(crate) struct HookRequest {
    pub(crate) received: Received,
}

impl HookRequest {
    pub(crate) fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let found = self.received.headers.iter().find_map(|header| header.strip_prefix(&prefix));
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.received.headers))
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.received.body).unwrap()
    }

    /// Type and slug of an event of the mode `each`.
    pub(crate) fn brief(&self) -> (String, String) {
        let event = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&event["type"]), text(&event["data"]["slug"]))
    }

    /// Asserts that the `standardwebhooks` crate verifies the request with this secret, or does not.
    #[track_caller]
    pub(crate) fn assert_verified(&self, secret: &str, is_verified: bool) {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.header(name).parse().unwrap());
        }
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        assert_eq!(webhook.verify(&self.received.body, &headers).is_ok(), is_verified, "{headers:?}");
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<HookRequest>>,
    behavior: Mutex<Option<Behavior>>,
    is_held: Mutex<bool>,
    released: Condvar,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
    connections: AtomicUsize,
    /// The responses that were sent to their end.
    responses: AtomicUsize,
    bytes_sent: AtomicU64,
    is_ended: AtomicBool,
}

/// A receiver on a port of its own. It responds with 200 until [`HookReceiver::behave`] changes that.
pub(crate) struct HookReceiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl HookReceiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.is_ended.load(Ordering::Relaxed) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&accepting);
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=hush", self.address)
    }

    /// Changes how the receiver responds from now on.
    pub(crate) fn behave(&self, behavior: Behavior) {
        *lock(&self.shared.behavior) = Some(behavior);
    }

    /// Delays all responses until [`HookReceiver::release`].
    pub(crate) fn hold(&self) {
        *lock(&self.shared.is_held) = true;
    }

    pub(crate) fn release(&self) {
        *lock(&self.shared.is_held) = false;
        self.shared.released.notify_all();
    }

    /// All requests so far, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<HookRequest> {
        lock(&self.shared.requests).clone()
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<HookRequest> {
        wait_until(&format!("{count} webhook requests"), async || self.count() >= count).await;
        self.requests()
    }

    /// The largest number of requests that were in progress at the same time.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.shared.max_in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// The number of connections, also those without a request.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn responses(&self) -> usize {
        self.shared.responses.load(Ordering::Relaxed)
    }

    /// The number of bytes that the operating system has accepted for sending.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.shared.bytes_sent.load(Ordering::Relaxed)
    }
}

impl Drop for HookReceiver {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::Relaxed);
        self.release();
        // Unblocks `accept`.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one request, and closes the connection.
fn serve(stream: &TcpStream, shared: &Shared) {
    let Some(received) = read(&mut BufReader::new(stream)) else { return };
    let in_flight = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    shared.max_in_flight.fetch_max(in_flight, Ordering::Relaxed);
    lock(&shared.requests).push(HookRequest { received });
    let mut is_held = lock(&shared.is_held);
    while *is_held {
        is_held = shared.released.wait(is_held).unwrap();
    }
    drop(is_held);
    let behavior = lock(&shared.behavior).clone().unwrap_or(Behavior::Status(200));
    // Before the response: the client may send the next request as soon as it has read this response.
    let ends_at_once = matches!(behavior, Behavior::Status(_) | Behavior::Headers(..));
    if ends_at_once {
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
    let is_complete = respond(stream, shared, &behavior).is_some();
    if !ends_at_once {
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
    if is_complete {
        shared.responses.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns `None` if the client has closed the connection.
fn respond(stream: &TcpStream, shared: &Shared, behavior: &Behavior) -> Option<()> {
    let send = |bytes: &[u8]| send(stream, shared, bytes);
    match behavior {
        Behavior::Status(status) => send(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n").as_bytes()),
        Behavior::Headers(status, lines) => {
            send(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n{lines}\r\n\r\n").as_bytes())
        }
        Behavior::Hang => wait_for_close(stream, shared),
        Behavior::DripHead => drip(stream, shared, "HTTP/1.1 200 OK\r\nX: "),
        Behavior::DripBody => {
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
            drip(stream, shared, "")
        }
        Behavior::Gigabyte => {
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
            repeat(stream, shared, &[b'a'; 10_000], 100_000)
        }
        Behavior::ManyHeaders => {
            send(b"HTTP/1.1 200 OK\r\n")?;
            repeat(stream, shared, b"x-header: 0123456789012345678901234567890123456789\r\n", 10_000)?;
            send(b"\r\n")
        }
        Behavior::LongHeader => {
            send(b"HTTP/1.1 200 OK\r\nx-header: ")?;
            repeat(stream, shared, &[b'a'; 10_000], 100_000)
        }
        Behavior::Interim => repeat(stream, shared, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 10_000_000),
        Behavior::Garbage => repeat(stream, shared, b"SSH-2.0-OpenSSH_9.2\r\n", 1),
        Behavior::Close => None,
    }
}

fn send(mut stream: &TcpStream, shared: &Shared, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).ok()?;
    shared.bytes_sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    Some(())
}

fn repeat(stream: &TcpStream, shared: &Shared, bytes: &[u8], times: usize) -> Option<()> {
    (0..times).try_for_each(|_| send(stream, shared, bytes))
}

/// Sends one byte a second until the client closes the connection.
fn drip(stream: &TcpStream, shared: &Shared, head: &str) -> Option<()> {
    for byte in head.bytes().chain(std::iter::repeat(b'a')) {
        if shared.is_ended.load(Ordering::Relaxed) {
            return None;
        }
        send(stream, shared, &[byte])?;
        thread::park_timeout(Duration::from_secs(1));
    }
    Some(())
}

fn wait_for_close(stream: &TcpStream, shared: &Shared) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    let mut byte = [0];
    loop {
        match std::io::Read::read(&mut &*stream, &mut byte) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                if shared.is_ended.load(Ordering::Relaxed) {
                    return None;
                }
            }
            _ => return None,
        }
    }
}
