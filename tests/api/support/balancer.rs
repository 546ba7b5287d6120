//! A TCP load balancer. Each new connection goes to the next instance, round robin, that accepts it. It does not parse
//! HTTP and does not retry requests.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::proxy::copy;

pub(crate) struct Balancer {
    address: SocketAddr,
    instances: Arc<Instances>,
}

#[derive(Default)]
struct Instances {
    addresses: Mutex<Vec<SocketAddr>>,
    next: AtomicUsize,
    is_ended: AtomicBool,
}

impl Balancer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let instances = Arc::new(Instances::default());
        let balanced = Arc::clone(&instances);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if balanced.is_ended.load(Ordering::Relaxed) {
                    return;
                }
                // If no instance accepts it, dropping the stream closes the client's connection.
                let Some(server) = balanced.connect() else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || copy(&from, &to, |_| true));
                }
            }
        });
        Self { address, instances }
    }

    /// The URL that clients use.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds the instance at `http://ADDRESS:PORT`.
    pub(crate) fn add(&self, base: &str) {
        let address = base.strip_prefix("http://").unwrap().parse().unwrap();
        self.instances.addresses.lock().unwrap().push(address);
    }

    pub(crate) fn remove(&self, base: &str) {
        self.instances.addresses.lock().unwrap().retain(|address| format!("http://{address}") != base);
    }
}

impl Instances {
    fn connect(&self) -> Option<TcpStream> {
        let addresses = self.addresses.lock().unwrap().clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..addresses.len()).find_map(|number| TcpStream::connect(addresses[(first + number) % addresses.len()]).ok())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.instances.is_ended.store(true, Ordering::Relaxed);
        // Unblocks `accept`. Open connections end when either side closes.
        let _ = TcpStream::connect(self.address);
    }
}
