//! Timeouts of a client connection that actix-http lacks.
//!
//! actix-http limits the time for the head of the first request of a connection. It waits indefinitely for a later
//! head, and for a client that does not read its response. It also reads many requests ahead, and continues to read
//! while the client reads no response. [`TimeoutStream`] wraps the socket and limits all of these. The envelope
//! middleware reports the start and the end of each request through [`ConnectionState`].

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

use crate::http::transport::connection_state::{ConnectionState, HEAD_DEADLINE, Readable};
use crate::http::transport::connections::{Admission, Connections, OpenConnection};

/// After the last response of a connection, whatever the client still sends is read and discarded for this long.
/// Closing at once could destroy the response on its way (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// How often the deadlines are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of response bytes that actix-http buffers before it writes them to the socket. It also buffers one chunk
/// of a response body, see [`CHUNK`](crate::http::transport::request_body::CHUNK).
const WRITE_BUFFER: usize = 32 * 1024;

/// A socket with deadlines for its client.
pub struct TimeoutStream {
    socket: TcpStream,
    connection: Rc<ConnectionState>,
    connections: Connections,
    _open: OpenConnection,
    next_check: Pin<Box<Sleep>>,
    /// Whether the last read returned as much as it could. The requests that it contained are executed before the next
    /// read.
    must_yield: bool,
}

impl TimeoutStream {
    /// `None` if the connection is to be closed at once.
    fn new(socket: TcpStream, connections: &Connections) -> Option<Self> {
        let (open, is_refused) = match connections.admit(socket.peer_addr().ok().map(|peer| peer.ip())) {
            Admission::Accepted(open) => (open, false),
            Admission::Refused(open) => (open, true),
            Admission::Closed => return None,
        };
        Some(Self {
            socket,
            connection: Rc::new(ConnectionState::new(connections.budget().cloned(), is_refused)),
            connections: connections.clone(),
            _open: open,
            next_check: Box::pin(sleep(CHECK_INTERVAL)),
            must_yield: false,
        })
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

    /// Reads at most `limit` bytes, and then lets the connection execute the requests in them.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, limit: usize) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.must_yield) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let offered = limit.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(offered));
        let read = Pin::new(&mut self.socket).poll_read(cx, &mut part);
        let count = part.filled().len();
        buf.advance(count);
        self.must_yield = count == offered;
        read
    }

    fn track_write(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.connection.record_written(*result.as_ref().unwrap_or(&0));
            return Poll::Ready(result);
        }
        self.connection.record_stalled();
        if self.is_overdue(cx) {
            self.connections.record_too_slow();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for TimeoutStream {
    /// Reports end of file if the head is overdue, if the limit of discarded bytes is reached, or if no memory is left
    /// for a long head. A request that arrived before this thread checked the deadline is still read.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_overdue = self.is_overdue(cx);
        if (is_overdue && !self.connection.is_idle()) || self.connection.is_input_exhausted() {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = match self.connection.readable(cx) {
            Readable::AtMost(limit) => self.poll_read_ahead(cx, buf, limit),
            Readable::Nothing => Poll::Pending,
        };
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

    /// actix-http calls this after the socket has accepted all bytes.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.record_flushed();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Serves `app` over HTTP/1 like actix's `HttpServer`, but counts each socket in `connections` and wraps it in a
/// [`TimeoutStream`]. When the future of `stopping` completes, idle connections are closed, and busy ones after their
/// request.
pub fn http_service<S, B, F>(
    app: impl IntoServiceFactory<S, Request>,
    connections: Connections,
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
        .h1_write_buffer_size(WRITE_BUFFER)
        .client_disconnect_timeout(LINGER)
        // A client that closes its side has disconnected: its request is canceled and leaves the queue.
        .h1_allow_half_closed(false)
        .graceful_shutdown_signal(stopping)
        .on_connect_ext(|stream: &TimeoutStream, extensions| drop(extensions.insert(Rc::clone(&stream.connection))))
        .h1(map_config(app, |()| AppConfig::default()));
    fn_service(move |socket: TcpStream| {
        let peer = socket.peer_addr().ok();
        let stream = TimeoutStream::new(socket, &connections);
        ready(stream.map(|stream| (stream, peer)).ok_or(DispatchError::Io(io::ErrorKind::ConnectionRefused.into())))
    })
    .and_then(http1)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;
    use crate::http::transport::client_ip::TrustedProxies;
    use crate::http::transport::connection_state::KEEP_ALIVE;

    /// A connection whose keep-alive time has passed, and its client.
    async fn overdue_connection() -> (TimeoutStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connections = Connections::new(None, 0, TrustedProxies::default());
        let mut stream = TimeoutStream::new(listener.accept().await.unwrap().0, &connections).unwrap();
        stream.connection.set_idle_since(Instant::now() - KEEP_ALIVE);
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
