//! The socket of a new connection.

use std::cell::RefCell;
use std::ffi::c_char;
#[cfg(unix)]
use std::os::fd::{BorrowedFd, OwnedFd as Socket};
#[cfg(windows)]
use std::os::windows::io::{BorrowedSocket, OwnedSocket as Socket};

use crate::bindings::{self, PGconn};

thread_local! {
    static RECEIVER: RefCell<Option<Box<dyn FnOnce(Socket)>>> = const { RefCell::new(None) };
}

/// Runs `connect`, and calls `receive` with a duplicate of the socket of the first connection that it opens with
/// [`PQconnectdb`], as soon as the connection is open and before any statement runs on it.
///
/// Shutting the socket down ends the connection at once, in whichever thread waits for it.
pub fn with_socket<T>(receive: impl FnOnce(Socket) + 'static, connect: impl FnOnce() -> T) -> T {
    RECEIVER.set(Some(Box::new(receive)));
    let result = connect();
    RECEIVER.set(None);
    result
}

/// libpq's function of this name. Also calls the function that [`with_socket`] has set. Shadows the binding.
///
/// # Safety
/// As for libpq's function: `conninfo` points to a string that ends with a NUL byte.
#[expect(non_snake_case, reason = "the name is libpq's")]
pub unsafe fn PQconnectdb(conninfo: *const c_char) -> *mut PGconn {
    // SAFETY: the caller meets the same conditions.
    let connection = unsafe { bindings::PQconnectdb(conninfo) };
    // SAFETY: libpq accepts a null pointer, and the connection has just been opened.
    let socket = unsafe { bindings::PQsocket(connection) };
    // -1: the connection failed. Without a duplicate, the connection works all the same.
    if socket >= 0
        && let Some(receive) = RECEIVER.take()
        && let Some(duplicate) = duplicate(socket)
    {
        receive(duplicate);
    }
    connection
}

#[cfg(unix)]
fn duplicate(socket: i32) -> Option<Socket> {
    // SAFETY: libpq's descriptor stays open while it is borrowed, because no other thread has the connection yet.
    unsafe { BorrowedFd::borrow_raw(socket) }.try_clone_to_owned().ok()
}

#[cfg(windows)]
fn duplicate(socket: i32) -> Option<Socket> {
    // libpq casts the handle to an int (PostgreSQL manual, "PQsocket"); Windows uses only its low 32 bits.
    let socket = u64::from(socket.cast_unsigned());
    // SAFETY: libpq's handle stays open while it is borrowed, because no other thread has the connection yet.
    unsafe { BorrowedSocket::borrow_raw(socket) }.try_clone_to_owned().ok()
}
