//! A small HTTP server that records requests, in place of an OTLP collector or Sentry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::authority::Authority;

/// A recorded request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Method and path.
    pub(crate) line: String,
    /// Each as `name: value`, with the name in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Responds to every request with 200 and an empty body.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    is_ended: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        Self::accept(serve)
    }

    /// Starts a receiver with TLS. Returns it and the certificate of its authority in PEM.
    pub(crate) fn with_tls() -> (Self, String) {
        let authority = Authority::new("test authority");
        let acceptor = authority.acceptor("127.0.0.1");
        let receiver = Self::accept(move |stream, received| {
            // The handshake fails if the client does not trust the certificate.
            if let Ok(stream) = acceptor.accept(stream) {
                serve(stream, received);
            }
        });
        (receiver, authority.pem())
    }

    fn accept(serve: impl Fn(TcpStream, &Mutex<Vec<Received>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver =
            Self { address: listener.local_addr().unwrap(), received: Arc::default(), is_ended: Arc::default() };
        let (requests, is_ended, serve) =
            (Arc::clone(&receiver.received), Arc::clone(&receiver.is_ended), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_ended.load(Ordering::Relaxed) {
                    return;
                }
                let (requests, serve) = (Arc::clone(&requests), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &requests));
            }
        });
        receiver
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Unblocks `accept`.
        let _ = TcpStream::connect(self.address);
    }
}

/// Records requests until the client closes. Supports Content-Length and chunked bodies.
fn serve(stream: impl Read + Write, received: &Mutex<Vec<Received>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        received.lock().unwrap().push(request);
        if stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

pub(super) fn read(stream: &mut impl BufRead) -> Option<Received> {
    let line = read_line(stream)?;
    let mut headers = Vec::new();
    loop {
        let header = read_line(stream)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push(format!("{}: {}", name.to_lowercase(), value.trim()));
    }
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
    let body = match length {
        Some(length) => read_exactly(stream, length.parse().ok()?)?,
        None if headers.iter().any(|header| header == "transfer-encoding: chunked") => read_chunks(stream)?,
        None => Vec::new(),
    };
    Some(Received { line: line.rsplit_once(' ')?.0.to_owned(), headers, body })
}

fn read_chunks(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(&read_line(stream)?, 16).ok()?;
        body.extend(read_exactly(stream, length)?);
        read_line(stream)?;
        if length == 0 {
            return Some(body);
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn read_line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}
