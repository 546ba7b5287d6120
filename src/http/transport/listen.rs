//! Listening sockets, and how many clients, descriptors, and threads a worker may have.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// The blocking threads of a worker: one for each database connection, and two for compression. Without this limit, tokio
/// starts a thread for each task that finds none idle, although no more than these run at once, and each keeps memory.
pub fn blocking_threads(pool: u32) -> usize {
    usize::try_from(pool).unwrap_or(usize::MAX).saturating_add(2)
}

/// The most connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds the address and listens on it.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait for sockets in TIME_WAIT. On Windows, the option has another meaning.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// File descriptors for everything but clients and the database.
const OWN_DESCRIPTORS: u64 = 256;
/// SQLite opens three files for a connection, PostgreSQL one socket.
const DESCRIPTORS_OF_A_CONNECTION: u64 = 3;
/// The default limit of actix.
const CLIENTS_PER_WORKER: u64 = 25_000;

/// How many clients a worker accepts: as many as there are file descriptors for. Further clients wait until a connection
/// ends, and the database stays reachable.
pub fn clients_per_worker(pool: u32) -> usize {
    let workers = std::thread::available_parallelism().map_or(1, |workers| workers.get() as u64);
    let own = OWN_DESCRIPTORS + DESCRIPTORS_OF_A_CONNECTION * u64::from(pool);
    let descriptors = descriptors();
    let clients = descriptors.saturating_sub(own).max(descriptors / 2);
    usize::try_from((clients / workers).clamp(1, CLIENTS_PER_WORKER)).unwrap_or(usize::MAX)
}

/// Raises the limit of open file descriptors to its maximum, and returns it.
#[cfg(unix)]
fn descriptors() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(OWN_DESCRIPTORS)
}

#[cfg(not(unix))]
fn descriptors() -> u64 {
    u64::MAX
}
