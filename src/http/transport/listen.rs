//! Listening sockets, and the limits of a worker: clients, file descriptors, and blocking threads.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// The number of blocking threads of a worker: one for each database connection, one for the additional connection of a
/// pool of one, and two for compression. Further tasks wait. Without this limit, tokio would start a thread for each
/// task that finds no idle thread, and each thread occupies memory. `connections` is the size of all database pools
/// together.
#[must_use]
pub fn blocking_threads(connections: u32) -> usize {
    usize::try_from(connections).unwrap_or(usize::MAX).saturating_add(3)
}

/// The maximum number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// How many response bytes the kernel buffers beyond those that it may send at once. Its own limit is several megabytes
/// for each connection. The socket accepts more bytes when half of them have been sent.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAX_UNSENT: u32 = 64 * 1024;

/// The time for which a client may leave bytes unacknowledged, or its receive buffer full. Without this limit, a client
/// that has vanished occupies its connection for 15 minutes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAX_UNACKNOWLEDGED: Duration = Duration::from_mins(1);

/// Binds the address and listens on it.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Lets the service restart while old sockets are in TIME_WAIT. On Windows, the option has another meaning.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit these options.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket.set_tcp_notsent_lowat(MAX_UNSENT)?;
        socket.set_tcp_user_timeout(Some(MAX_UNACKNOWLEDGED))?;
    }
    // An event must not wait until the client has acknowledged the previous one.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// File descriptors that are reserved for everything but clients and the database.
const RESERVED_DESCRIPTORS: u64 = 256;
/// SQLite opens three files for a connection. PostgreSQL needs two descriptors: the socket, and its duplicate, which
/// lets other threads shut the connection down.
const DESCRIPTORS_PER_CONNECTION: u64 = 3;
/// The default limit of actix.
const MAX_CLIENTS_PER_WORKER: u64 = 25_000;

/// The maximum number of clients of a worker. Each needs a file descriptor. At least half of the descriptors are for
/// clients; the rest is reserved, so that the database stays reachable. Further clients wait until a connection ends.
/// `connections` is the number of database connections.
#[must_use]
pub fn clients_per_worker(connections: u32) -> usize {
    let workers = std::thread::available_parallelism().map_or(1, |workers| workers.get() as u64);
    let reserved = RESERVED_DESCRIPTORS + DESCRIPTORS_PER_CONNECTION * u64::from(connections);
    let limit = raise_descriptor_limit();
    let clients = limit.saturating_sub(reserved).max(limit / 2);
    usize::try_from((clients / workers).clamp(1, MAX_CLIENTS_PER_WORKER)).unwrap_or(usize::MAX)
}

/// The maximum number of event streams: at most half of the clients of all workers, because each stream occupies one.
/// `clients` is the maximum number of clients of a worker.
#[must_use]
pub fn max_streams(requested: usize, clients: usize) -> usize {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    requested.min(clients.saturating_mul(workers) / 2)
}

/// Raises the limit of open file descriptors to its maximum, and returns it.
#[cfg(unix)]
fn raise_descriptor_limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(RESERVED_DESCRIPTORS)
}

#[cfg(not(unix))]
fn raise_descriptor_limit() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use socket2::SockRef;

    use super::*;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn accepted_connections_inherit_the_options() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(MAX_UNACKNOWLEDGED));
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), MAX_UNSENT);
        assert!(socket.tcp_nodelay().unwrap());
    }

    #[test]
    fn streams_leave_half_of_the_connections_to_others() {
        let workers = std::thread::available_parallelism().unwrap().get();
        assert_eq!(max_streams(1000, 10), 5 * workers);
        assert_eq!(max_streams(3, 1000), 3);
        assert_eq!(max_streams(0, 1000), 0);
    }
}
