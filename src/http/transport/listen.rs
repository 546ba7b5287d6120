//! Listening sockets, and how many clients, descriptors, and threads a worker may have.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Threads of a worker that may block: one per connection to the database, and two that compress. Without a limit a
/// thread is made for every task that finds none idle, though no more than these run at once, and each keeps memory.
pub fn blocking_threads(pool: u32) -> usize {
    usize::try_from(pool).unwrap_or(usize::MAX).saturating_add(2)
}

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 1024;

pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart need not wait for connections that have ended to be forgotten. On Windows it would mean something else.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Descriptors for the log, the threads and what else is neither a client nor the database.
const OWN_DESCRIPTORS: u64 = 256;
/// SQLite opens three files with a connection, PostgreSQL one socket.
const DESCRIPTORS_OF_A_CONNECTION: u64 = 3;
/// actix's own limit, beyond which each would have too little of its thread.
const CLIENTS_PER_WORKER: u64 = 25_000;

/// As many clients as there are descriptors for: one more waits until another ends, and the database can still be
/// reached.
pub fn clients_per_worker(pool: u32) -> usize {
    let workers = std::thread::available_parallelism().map_or(1, |workers| workers.get() as u64);
    let own = OWN_DESCRIPTORS + DESCRIPTORS_OF_A_CONNECTION * u64::from(pool);
    let descriptors = descriptors();
    let clients = descriptors.saturating_sub(own).max(descriptors / 2);
    usize::try_from((clients / workers).clamp(1, CLIENTS_PER_WORKER)).unwrap_or(usize::MAX)
}

/// How many descriptors the process may open, once it has asked for all that it may have.
#[cfg(unix)]
fn descriptors() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(OWN_DESCRIPTORS)
}

#[cfg(not(unix))]
fn descriptors() -> u64 {
    u64::MAX
}
