//! A receiver of webhooks, which can be slow, hostile, or down.

mod peer;

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use openssl::ssl::SslAcceptor;
use serde_json::Value;

use super::receiver::{Received, read};
use super::wait_until;
pub(crate) use peer::Behavior;
use peer::{Peer, Stream};

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
    /// The handshakes that have ended, also those that failed.
    handshakes: AtomicUsize,
    /// The responses that were sent to their end.
    responses: AtomicUsize,
    bytes_sent: AtomicU64,
    is_ended: AtomicBool,
}

/// A receiver on a port of its own. It responds with 200 until [`HookReceiver::behave`] changes that.
pub(crate) struct HookReceiver {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl HookReceiver {
    pub(crate) fn start() -> Self {
        Self::accept("http", |stream, _| Some(Box::new(stream)))
    }

    /// A receiver with TLS. A client that does not trust the certificate sends no request.
    pub(crate) fn with_tls(acceptor: SslAcceptor) -> Self {
        Self::accept("https", move |stream, _| {
            let stream = acceptor.accept(stream).ok()?;
            Some(Box::new(stream))
        })
    }

    /// A receiver with TLS whose handshake never ends: it sends the first record one byte a second.
    pub(crate) fn with_endless_handshake() -> Self {
        Self::accept("https", |mut stream, shared| {
            Peer::new(&mut stream, shared).drip_handshake();
            None
        })
    }

    fn accept(
        scheme: &'static str,
        handshake: impl Fn(TcpStream, &Shared) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let (accepting, handshake) = (Arc::clone(&shared), Arc::new(handshake));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.is_ended.load(Ordering::Relaxed) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                let (shared, handshake) = (Arc::clone(&accepting), Arc::clone(&handshake));
                thread::spawn(move || {
                    let stream = handshake(stream, &shared);
                    shared.handshakes.fetch_add(1, Ordering::Relaxed);
                    if let Some(mut stream) = stream {
                        serve(&mut *stream, &shared);
                    }
                });
            }
        });
        Self { address, scheme, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}/hook?token=hush", self.scheme, self.address)
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

    /// The number of connections whose handshake has ended, in success or failure.
    pub(crate) fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::Relaxed)
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
fn serve(stream: &mut dyn Stream, shared: &Shared) {
    let Some(received) = read(&mut BufReader::new(&mut *stream)) else { return };
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
    let is_complete = Peer::new(stream, shared).respond(&behavior).is_some();
    if !ends_at_once {
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
    if is_complete {
        shared.responses.fetch_add(1, Ordering::Relaxed);
    }
}
