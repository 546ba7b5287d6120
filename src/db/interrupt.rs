//! [`Interrupt`]: what another thread needs to stop the statement that a connection is running.
//!
//! Each connection has one. It contains no logic about when to stop a statement; that is the task of [`Call`] and of
//! the watchdog.
//!
//! [`Call`]: crate::db::call::Call

use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::SockRef;

/// The socket of a connection. A duplicate descriptor, so that it stays valid if libpq closes its own.
#[cfg(unix)]
pub(crate) type ConnectionSocket = std::os::fd::OwnedFd;
#[cfg(windows)]
pub(crate) type ConnectionSocket = std::os::windows::io::OwnedSocket;

#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    /// The SQL function of [`sqlite::cancel`](crate::db::sqlite::cancel) fails while this is true.
    is_canceled: AtomicBool,
    is_unusable: AtomicBool,
    session: Mutex<Option<ServerSession>>,
    socket: Mutex<Option<ConnectionSocket>>,
}

/// What the next statement of a connection runs in, on PostgreSQL. It identifies the statement to `pg_cancel_backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerSession {
    /// The process id of the server session.
    pub(crate) pid: i32,
    /// When `scope` began on the server's clock, in microseconds since 1970. Process ids repeat, and a pooler lends a
    /// session to many clients.
    pub(crate) began_at: i64,
    pub(crate) scope: SessionScope,
}

/// How long a [`ServerSession`] belongs to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionScope {
    /// As long as the connection is open.
    Connection,
    /// Until the end of the transaction, behind a transaction pooler.
    Transaction,
}

impl Interrupt {
    pub(crate) fn is_canceled(&self) -> bool {
        self.is_canceled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_canceled(&self, is_canceled: bool) {
        self.is_canceled.store(is_canceled, Ordering::Relaxed);
    }

    /// Whether the connection must not be used again.
    pub(crate) fn is_unusable(&self) -> bool {
        self.is_unusable.load(Ordering::Relaxed)
    }

    pub(crate) fn mark_unusable(&self) {
        self.is_unusable.store(true, Ordering::Relaxed);
    }

    pub(crate) fn session(&self) -> Option<ServerSession> {
        *lock(&self.session)
    }

    pub(crate) fn set_session(&self, session: Option<ServerSession>) {
        *lock(&self.session) = session;
    }

    pub(crate) fn set_socket(&self, socket: ConnectionSocket) {
        *lock(&self.socket) = Some(socket);
    }

    /// Ends the connection, even if the server does not respond: the call that waits for it fails at once.
    pub(crate) fn close(&self) {
        self.mark_unusable();
        if let Some(socket) = &*lock(&self.socket) {
            // Fails if the connection is closed already.
            let _ = SockRef::from(socket).shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
