//! [`Connections`]: counts the open connections, and limits how many each client address may have.
//!
//! One client could otherwise occupy all connections. Connections from this machine and from trusted proxies are not
//! limited, because a reverse proxy opens the connections of all its clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::transport::client_ip::{self, TrustedProxies};
use crate::http::transport::memory_budget::MemoryBudget;

/// The connections of a listener; clones share the counts.
#[derive(Debug, Clone)]
pub struct Connections(Arc<ConnectionsInner>);

#[derive(Debug)]
struct ConnectionsInner {
    budget: Option<MemoryBudget>,
    /// The limit for each client; 0 if there is none.
    limit: usize,
    exempt: TrustedProxies,
    /// The number of connections of each client that is not exempt, by [`client_ip::network_id`].
    clients: Mutex<HashMap<u128, usize>>,
    open: AtomicU64,
    refused: AtomicU64,
    too_slow: AtomicU64,
}

/// What happens to a new connection.
#[derive(Debug)]
pub(crate) enum Admission {
    Accepted(OpenConnection),
    /// The client has too many connections. Its requests are rejected.
    Refused(OpenConnection),
    /// The client has far too many connections. The connection is closed at once.
    Closed,
}

/// An open connection; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    connections: Connections,
    /// `None` if the client is exempt from the limit.
    client: Option<u128>,
}

impl Connections {
    /// `limit` is the limit for each client address, or 0.
    #[must_use]
    pub fn new(budget: Option<MemoryBudget>, limit: usize, exempt: TrustedProxies) -> Self {
        let clients = Mutex::default();
        let [open, refused, too_slow] = [(); 3].map(|()| AtomicU64::new(0));
        Self(Arc::new(ConnectionsInner { budget, limit, exempt, clients, open, refused, too_slow }))
    }

    /// The open connections.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Connections that were refused because their client had too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Connections that were closed because their client read its response too slowly.
    #[must_use]
    pub fn too_slow(&self) -> u64 {
        self.0.too_slow.load(Ordering::Relaxed)
    }

    pub(crate) fn budget(&self) -> Option<&MemoryBudget> {
        self.0.budget.as_ref()
    }

    pub(crate) fn record_too_slow(&self) {
        self.0.too_slow.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a new connection from this address.
    pub(crate) fn admit(&self, peer: Option<IpAddr>) -> Admission {
        let peer = peer.map(|peer| peer.to_canonical());
        let is_limited = |peer: &IpAddr| self.0.limit > 0 && !peer.is_loopback() && !self.0.exempt.contains(*peer);
        let client = peer.filter(is_limited).map(client_ip::network_id);
        let count = client.map_or(0, |client| {
            let mut clients = self.clients();
            let count = clients.entry(client).or_default();
            *count += 1;
            *count
        });
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let connection = OpenConnection { connections: self.clone(), client };
        if count <= self.0.limit {
            return Admission::Accepted(connection);
        }
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        // A refused connection occupies memory too, until its request is rejected.
        if count <= self.0.limit.saturating_mul(2) { Admission::Refused(connection) } else { Admission::Closed }
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<u128, usize>> {
        self.0.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.0.open.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = self.client else { return };
        let mut clients = self.connections.clients();
        if let Some(count) = clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(limit: usize) -> Connections {
        Connections::new(None, limit, TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]))
    }

    fn admit(connections: &Connections, address: &str) -> Admission {
        connections.admit(Some(address.parse().unwrap()))
    }

    #[test]
    fn a_client_has_at_most_its_limit() {
        let connections = connections(2);
        let mut open = Vec::new();
        for address in ["192.0.2.1", "::ffff:192.0.2.1"] {
            let Admission::Accepted(connection) = admit(&connections, address) else { panic!("{address}") };
            open.push(connection);
        }
        let refused = [admit(&connections, "192.0.2.1"), admit(&connections, "192.0.2.1")];
        assert!(refused.iter().all(|admission| matches!(admission, Admission::Refused(_))), "{refused:?}");
        assert!(matches!(admit(&connections, "192.0.2.1"), Admission::Closed));
        assert!(matches!(admit(&connections, "192.0.2.2"), Admission::Accepted(_)));
        assert_eq!((connections.open(), connections.refused()), (4, 3));
        drop((refused, open));
        assert!(matches!(admit(&connections, "192.0.2.1"), Admission::Accepted(_)));
        assert_eq!(connections.open(), 0);
        assert!(connections.clients().is_empty());
    }

    #[test]
    fn a_64_bit_network_is_one_client() {
        let connections = connections(1);
        let _first = admit(&connections, "2001:db8::1");
        assert!(matches!(admit(&connections, "2001:db8::2"), Admission::Refused(_)));
        assert!(matches!(admit(&connections, "2001:db8:0:1::1"), Admission::Accepted(_)));
    }

    #[test]
    fn this_machine_and_trusted_proxies_are_not_limited() {
        let connections = connections(1);
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.1.1", "::ffff:10.1.1.1"] {
            let open: Vec<_> = (0..10).map(|_| admit(&connections, address)).collect();
            assert!(open.iter().all(|admission| matches!(admission, Admission::Accepted(_))), "{address}");
        }
        let unlimited = Connections::new(None, 0, TrustedProxies::default());
        let open: Vec<_> = (0..10).map(|_| admit(&unlimited, "192.0.2.1")).collect();
        assert!(open.iter().all(|admission| matches!(admission, Admission::Accepted(_))));
    }
}
