//! Timeouts of a client connection that actix-http lacks.
//!
//! actix-http limits the time for the head of the first request of a connection. It waits indefinitely for a later
//! head, and for a client that does not read its response. [`TimeoutStream`] wraps the socket and limits both. The
//! envelope middleware reports the start and the end of each request through [`ConnectionState`].

use std::cell::Cell;
use std::fmt::Debug;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::body::{BoxBody, MessageBody};
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Request, Response};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long the head of a request may take, from its first byte. If the first request of a connection exceeds it, the
/// response is 408. If a later request exceeds it, the connection is closed, which RFC 9110, section 15.5.9 permits.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection stays open without another request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A connection whose client reads nothing of its response for this long is closed.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// After the last response of a connection, whatever the client still sends is read and discarded for this long.
/// Closing at once could destroy the response on its way (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// The maximum length of an unread request body that is read and discarded, in bytes: twice the largest body of any
/// route.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
/// How often the deadlines are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The state of one connection.
#[derive(Debug, Default)]
pub struct ConnectionState {
    /// Whether a request is being executed. Its body and the database have their own deadlines.
    is_busy: Cell<bool>,
    /// When the last request ended or the last byte was written, whichever is later.
    idle_since: Cell<Option<Instant>>,
    /// When the first byte of the next head was read, or later, if the previous response was written after that. `None`
    /// if no head has begun.
    head_since: Cell<Option<Instant>>,
    /// When the socket's send buffer became full, because the client reads nothing. `None` if it is not full.
    stalled_since: Cell<Option<Instant>>,
    is_closing: Cell<bool>,
    /// How many bytes may still be read before the next request begins. `None`: no limit.
    unread_budget: Cell<Option<usize>>,
}

impl ConnectionState {
    /// Records that the head of a request is complete. The connection is busy until the guard is dropped.
    pub fn begin_request(self: Rc<Self>) -> BusyGuard {
        self.is_busy.set(true);
        self.head_since.set(None);
        self.unread_budget.set(None);
        BusyGuard(self)
    }

    /// Records that the current request is the last one of the connection.
    pub fn close_after_request(&self) {
        self.is_closing.set(true);
    }

    /// Whether the last request has arrived. Whatever follows must not be executed (RFC 9112, section 9.6).
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    fn is_overdue(&self, now: Instant) -> bool {
        let exceeds = |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        let (stalled, head) = (self.stalled_since.get(), self.head_since.get());
        let is_next_request_late =
            if head.is_some() { exceeds(head, HEAD_DEADLINE) } else { exceeds(self.idle_since.get(), KEEP_ALIVE) };
        // While a response is being written, the next head may wait behind it, so that time does not count.
        exceeds(stalled, WRITE_DEADLINE) || (!self.is_busy.get() && stalled.is_none() && is_next_request_late)
    }

    /// Whether no request is being executed, no response is waiting to be written, and no head has begun to arrive.
    fn is_idle(&self) -> bool {
        !self.is_busy.get() && self.head_since.get().is_none() && self.stalled_since.get().is_none()
    }

    fn record_read(&self, count: usize) {
        self.unread_budget.set(self.unread_budget.get().map(|budget| budget.saturating_sub(count)));
        if !self.is_busy.get() && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    fn record_written(&self) {
        self.stalled_since.set(None);
        let now = Some(Instant::now());
        self.idle_since.set(now);
        // A head that waited behind the response gets its full time again.
        if self.head_since.get().is_some() {
            self.head_since.set(now);
        }
    }

    fn record_stalled(&self) {
        if self.stalled_since.get().is_none() {
            self.stalled_since.set(Some(Instant::now()));
        }
    }
}

/// Marks the connection as busy until it is dropped.
#[derive(Debug)]
pub struct BusyGuard(Rc<ConnectionState>);

impl BusyGuard {
    /// Limits how much of the request body is still read, because the response is ready and the rest is discarded.
    pub fn discard_unread(&self) {
        self.0.unread_budget.set(Some(LINGER_BYTES));
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
        self.0.idle_since.set(Some(Instant::now()));
    }
}

/// A socket with deadlines for its client.
pub struct TimeoutStream {
    socket: TcpStream,
    connection: Rc<ConnectionState>,
    next_check: Pin<Box<Sleep>>,
}

impl TimeoutStream {
    fn new(socket: TcpStream) -> Self {
        Self { socket, connection: Rc::default(), next_check: Box::pin(sleep(CHECK_INTERVAL)) }
    }

    /// Stays true once it is true.
    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        while self.next_check.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.connection.is_overdue(now) {
                return true;
            }
            self.next_check.as_mut().reset(now + CHECK_INTERVAL);
        }
        false
    }

    fn track_write(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.connection.record_written();
            return written;
        }
        self.connection.record_stalled();
        if self.is_overdue(cx) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }
}

impl AsyncRead for TimeoutStream {
    /// Reports end of file if the head is overdue, or if the limit of discarded bytes is reached. A request that
    /// arrived before this thread checked the deadline is still read.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_overdue = self.is_overdue(cx);
        if (is_overdue && !self.connection.is_idle()) || self.connection.unread_budget.get() == Some(0) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        let count = buf.filled().len() - before;
        if count > 0 {
            self.connection.record_read(count);
        }
        if is_overdue && read.is_pending() { Poll::Ready(Ok(())) } else { read }
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.track_write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Serves `app` over HTTP/1 like actix's `HttpServer`, but wraps each socket in a [`TimeoutStream`]. When the future of
/// `stopping` completes, idle connections are closed, and busy ones after their request.
pub fn http_service<S, B, F>(
    app: impl IntoServiceFactory<S, Request>,
    stopping: impl Fn() -> F + 'static,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Future: 'static,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::Response: Into<Response<B>> + 'static,
    S::InitError: Debug,
    B: MessageBody + 'static,
    F: Future<Output = ()> + 'static,
{
    let http1 = HttpService::build()
        // actix-http would restart its own timer whenever `TimeoutStream` checks the deadlines.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(HEAD_DEADLINE)
        .client_disconnect_timeout(LINGER)
        // A client that closes its side has disconnected: its request is canceled and leaves the queue.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(stopping)
        .on_connect_ext(|stream: &TimeoutStream, extensions| drop(extensions.insert(Rc::clone(&stream.connection))))
        .h1(map_config(app, |()| AppConfig::default()));
    fn_service(|socket: TcpStream| {
        let peer = socket.peer_addr().ok();
        ready(Ok((TimeoutStream::new(socket), peer)))
    })
    .and_then(http1)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;

    /// A connection whose keep-alive time has passed, and its client.
    async fn overdue_connection() -> (TimeoutStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = TimeoutStream::new(listener.accept().await.unwrap().0);
        stream.connection.idle_since.set(Instant::now().checked_sub(KEEP_ALIVE));
        stream.next_check = Box::pin(sleep(Duration::ZERO));
        stream.next_check.as_mut().await;
        (stream, client)
    }

    /// The number of bytes read; 0 at the end.
    async fn read(stream: &mut TimeoutStream) -> usize {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer)).await.unwrap();
        buffer.filled().len()
    }

    #[tokio::test]
    async fn a_request_that_arrives_before_the_check_is_read() {
        let (mut stream, client) = overdue_connection().await;
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"GET /").unwrap(), 5);
        stream.socket.readable().await.unwrap();
        assert_eq!(read(&mut stream).await, 5);
        // The head has its own deadline.
        assert!(!stream.connection.is_overdue(Instant::now()));
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed() {
        let (mut stream, _client) = overdue_connection().await;
        assert_eq!(read(&mut stream).await, 0);
    }
}
