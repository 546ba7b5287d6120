//! A client's connection: the bounds of time that actix-http leaves out, and the end of it.
//!
//! actix-http bounds the head of a connection's first request. For a later head, and for an answer that the client does
//! not take, it waits without end. [`Stream`] stands between it and the socket and bounds both; what it needs to know of
//! the request it learns through [`Connection`].

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

/// The head of a request arrives within this time of its first byte. The first one's is answered 408; where a later one
/// does not, the connection is closed (RFC 9110, section 15.5.9 asks for no more). Looked at once a second.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// So long a connection stays open after an answer without another request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A client that takes nothing of its answer for this long is given up.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// What a client goes on sending after an answer that ends its connection is read and thrown away for this long, because
/// closing at once could destroy the answer on its way (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// And so much of it at most, in bytes: a body twice as large as the largest that any route takes.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
/// How often the deadlines are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is going on on a connection.
#[derive(Debug, Default)]
pub struct Connection {
    /// A request is being carried out: its body and the database have deadlines of their own.
    is_busy: Cell<bool>,
    /// Nothing was asked for since, or nothing but the last answer's end was written.
    idle_since: Cell<Option<Instant>>,
    /// The first byte after the last request was read.
    head_since: Cell<Option<Instant>>,
    /// The client has taken nothing of what is written.
    stuck_since: Cell<Option<Instant>>,
    has_ended: Cell<bool>,
    /// How many bytes may still be read until the next request begins.
    left: Cell<Option<usize>>,
}

impl Connection {
    /// The head of a request is complete; it is carried out until the answer is dropped.
    pub fn begin(self: Rc<Self>) -> InProgress {
        self.is_busy.set(true);
        self.head_since.set(None);
        self.left.set(None);
        InProgress(self)
    }

    /// The request that has begun is the last one.
    pub fn end(&self) {
        self.has_ended.set(true);
    }

    /// Whether the last request was said to be the last: whatever follows is not carried out (RFC 9112, section 9.6).
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    fn is_overdue(&self, now: Instant) -> bool {
        let over = |since: Option<Instant>, deadline| since.is_some_and(|since| now.duration_since(since) >= deadline);
        let (stuck, head) = (self.stuck_since.get(), self.head_since.get());
        let next_is_overdue =
            if head.is_some() { over(head, HEAD_DEADLINE) } else { over(self.idle_since.get(), KEEP_ALIVE) };
        // While an answer is on its way, the next head may wait behind it.
        over(stuck, WRITE_DEADLINE) || (!self.is_busy.get() && stuck.is_none() && next_is_overdue)
    }

    /// Whether nothing has come since the last answer that would begin another request.
    fn is_idle(&self) -> bool {
        !self.is_busy.get() && self.head_since.get().is_none() && self.stuck_since.get().is_none()
    }

    fn note_read(&self, count: usize) {
        self.left.set(self.left.get().map(|left| left.saturating_sub(count)));
        if !self.is_busy.get() && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    fn note_written(&self) {
        self.stuck_since.set(None);
        let now = Some(Instant::now());
        self.idle_since.set(now);
        if self.head_since.get().is_some() {
            self.head_since.set(now);
        }
    }

    fn note_stuck(&self) {
        if self.stuck_since.get().is_none() {
            self.stuck_since.set(Some(Instant::now()));
        }
    }
}

/// A request that is being carried out, until it is dropped.
#[derive(Debug)]
pub struct InProgress(Rc<Connection>);

impl InProgress {
    /// It is answered before the end of its body: what is left of that is of no use.
    pub fn leave_unread(&self) {
        self.0.left.set(Some(LINGER_BYTES));
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
        self.0.idle_since.set(Some(Instant::now()));
    }
}

/// A socket whose client keeps the deadlines.
pub struct Stream {
    socket: TcpStream,
    connection: Rc<Connection>,
    look: Pin<Box<Sleep>>,
}

impl Stream {
    fn new(socket: TcpStream) -> Self {
        Self { socket, connection: Rc::default(), look: Box::pin(sleep(LOOK)) }
    }

    /// Stays true once it is.
    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.connection.is_overdue(now) {
                return true;
            }
            self.look.as_mut().reset(now + LOOK);
        }
        false
    }

    fn note_write(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.connection.note_written();
            return written;
        }
        self.connection.note_stuck();
        if self.is_overdue(cx) { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }
}

impl AsyncRead for Stream {
    /// Where the head is overdue, or nobody wants more of the body, it is as if the client had closed. A request that has
    /// arrived before this thread has come to look is not thrown away.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_overdue = self.is_overdue(cx);
        if (is_overdue && !self.connection.is_idle()) || self.connection.left.get() == Some(0) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        let count = buf.filled().len() - before;
        if count > 0 {
            self.connection.note_read(count);
        }
        if is_overdue && read.is_pending() { Poll::Ready(Ok(())) } else { read }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.note_write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// HTTP/1 on a socket: what `HttpServer` would make of `app`, with a [`Stream`] in the socket's place. When `stopping`
/// answers, connections without a request are closed, the others after theirs.
pub fn http<S, B, F>(
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
    let http = HttpService::build()
        // Its own timer begins anew whenever `Stream` looks.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(HEAD_DEADLINE)
        .client_disconnect_timeout(LINGER)
        // A client that closes its side has gone, and what it asked for waits for nobody: it leaves the queue.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(stopping)
        .on_connect_ext(|stream: &Stream, extensions| drop(extensions.insert(Rc::clone(&stream.connection))))
        .h1(map_config(app, |()| AppConfig::default()));
    fn_service(|socket: TcpStream| {
        let peer = socket.peer_addr().ok();
        ready(Ok((Stream::new(socket), peer)))
    })
    .and_then(http)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;

    /// A connection that has been idle for as long as it may, and its client.
    async fn overdue() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = Stream::new(listener.accept().await.unwrap().0);
        stream.connection.idle_since.set(Instant::now().checked_sub(KEEP_ALIVE));
        stream.look = Box::pin(sleep(Duration::ZERO));
        stream.look.as_mut().await;
        (stream, client)
    }

    /// How many bytes there are; 0 is the end.
    async fn read(stream: &mut Stream) -> usize {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer)).await.unwrap();
        buffer.filled().len()
    }

    #[tokio::test]
    async fn a_request_that_came_before_anybody_looked_whether_its_connection_is_overdue_is_read() {
        let (mut stream, client) = overdue().await;
        client.writable().await.unwrap();
        assert_eq!(client.try_write(b"GET /").unwrap(), 5);
        stream.socket.readable().await.unwrap();
        assert_eq!(read(&mut stream).await, 5);
        // Its head has a time of its own.
        assert!(!stream.connection.is_overdue(Instant::now()));
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_came_for_long_ends() {
        let (mut stream, _client) = overdue().await;
        assert_eq!(read(&mut stream).await, 0);
    }
}
