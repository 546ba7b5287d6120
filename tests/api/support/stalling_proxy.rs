//! A TCP proxy in front of PostgreSQL whose connections can be stalled: they stay open, but forward nothing.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use url::Url;

pub(crate) struct StallingProxy {
    url: Url,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    accepted: AtomicUsize,
    /// Connections with a number below this one are stalled.
    stalled_below: AtomicUsize,
    /// Whether a connection stalls when the client sends a query.
    stalls_queries: AtomicBool,
    /// The numbers of the connections that have stalled at a query.
    stalled_at_query: Mutex<HashSet<usize>>,
    /// The numbers of the connections that the client has not closed.
    open: Mutex<Vec<usize>>,
    is_ended: AtomicBool,
}

impl Shared {
    fn is_stalled(&self, number: usize) -> bool {
        number < self.stalled_below.load(Ordering::SeqCst) || self.stalled_at_query.lock().unwrap().contains(&number)
    }

    /// Whether `message` begins a query (PostgreSQL manual, section 55.7: Query or Parse) that stalls its connection.
    fn stalls(&self, message: &[u8]) -> bool {
        self.stalls_queries.load(Ordering::SeqCst) && matches!(message, [b'Q' | b'P', ..])
    }
}

impl StallingProxy {
    /// Starts a proxy to the server of `url`.
    pub(crate) fn start(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let shared = Arc::<Shared>::default();
        let proxy = Self { url, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.is_ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                forward(client, server, &shared);
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Stalls all connections that are open now, and returns how many. Later connections work.
    pub(crate) fn stall(&self) -> usize {
        self.shared.stalled_below.store(self.shared.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
        self.stalled()
    }

    /// From now on, or from now on no longer, a connection stalls when the client sends a query on it, after the login.
    pub(crate) fn stall_queries(&self, is_on: bool) {
        self.shared.stalls_queries.store(is_on, Ordering::SeqCst);
    }

    /// The number of stalled connections that the client has not closed.
    pub(crate) fn stalled(&self) -> usize {
        let open = self.shared.open.lock().unwrap();
        open.iter().filter(|number| self.shared.is_stalled(**number)).count()
    }
}

/// Forwards bytes with one thread per direction until either side closes. A stalled connection discards what it reads,
/// and closes only when the client does.
fn forward(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
    shared.open.lock().unwrap().push(number);
    let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let responses = Arc::clone(shared);
    thread::spawn(move || {
        copy_unless_stalled(from_server, &to_client, number, &responses, false);
        if !responses.is_stalled(number) {
            let _ = to_client.shutdown(Shutdown::Both);
        }
    });
    let requests = Arc::clone(shared);
    thread::spawn(move || {
        copy_unless_stalled(client, &server, number, &requests, true);
        requests.open.lock().unwrap().retain(|open| *open != number);
        let _ = server.shutdown(Shutdown::Both);
    });
}

fn copy_unless_stalled(mut from: TcpStream, mut to: &TcpStream, number: usize, shared: &Shared, is_client: bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if is_client && shared.stalls(&buffer[..count]) {
            shared.stalled_at_query.lock().unwrap().insert(number);
        }
        if !shared.is_stalled(number) && to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

impl Drop for StallingProxy {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::SeqCst);
        // Unblocks `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.url.port().unwrap_or_default()));
    }
}
