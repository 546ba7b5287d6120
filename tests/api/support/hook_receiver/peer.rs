//! A client of the receiver: how the receiver responds to it, which may be slow or hostile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use openssl::ssl::SslStream;

use super::Shared;

/// How the receiver responds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behavior {
    Status(u16),
    /// A status, and further header lines.
    Headers(u16, String),
    /// Sends nothing.
    Hang,
    /// Sends the head one byte a second.
    DripHead,
    /// Sends a body one byte a second, after the head.
    DripBody,
    /// Sends a body of 1 GB.
    Gigabyte,
    /// Sends 10,000 header lines.
    ManyHeaders,
    /// Sends a header line of 1 GB.
    LongHeader,
    /// Sends interim responses without an end.
    Interim,
    /// Sends something else than HTTP.
    Garbage,
    /// Closes the connection without a response.
    Close,
}

/// The connection of a client, with or without TLS.
pub(super) trait Stream: Read + Write {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for SslStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// Each method that sends returns `None` if the client has closed the connection.
pub(super) struct Peer<'a> {
    stream: &'a mut dyn Stream,
    shared: &'a Shared,
}

impl<'a> Peer<'a> {
    pub(super) fn new(stream: &'a mut dyn Stream, shared: &'a Shared) -> Self {
        Self { stream, shared }
    }

    pub(super) fn respond(&mut self, behavior: &Behavior) -> Option<()> {
        match behavior {
            Behavior::Status(status) => {
                self.send(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n").as_bytes())
            }
            Behavior::Headers(status, lines) => {
                self.send(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n{lines}\r\n\r\n").as_bytes())
            }
            Behavior::Hang => self.wait_for_close(),
            Behavior::DripHead => self.drip("HTTP/1.1 200 OK\r\nX: "),
            Behavior::DripBody => {
                self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
                self.drip("")
            }
            Behavior::Gigabyte => {
                self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
                self.repeat(&[b'a'; 10_000], 100_000)
            }
            Behavior::ManyHeaders => {
                self.send(b"HTTP/1.1 200 OK\r\n")?;
                self.repeat(b"x-header: 0123456789012345678901234567890123456789\r\n", 10_000)?;
                self.send(b"\r\n")
            }
            Behavior::LongHeader => {
                self.send(b"HTTP/1.1 200 OK\r\nx-header: ")?;
                self.repeat(&[b'a'; 10_000], 100_000)
            }
            Behavior::Interim => self.repeat(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", 10_000_000),
            Behavior::Garbage => self.repeat(b"SSH-2.0-OpenSSH_9.2\r\n", 1),
            Behavior::Close => None,
        }
    }

    /// Begins a TLS handshake, and sends its first record one byte a second. The record has the maximum length, 16 KiB
    /// (RFC 8446, section 5.1).
    pub(super) fn drip_handshake(&mut self) -> Option<()> {
        self.send(b"\x16\x03\x03\x40\x00")?;
        self.drip("")
    }

    fn send(&mut self, bytes: &[u8]) -> Option<()> {
        self.stream.write_all(bytes).ok()?;
        self.shared.bytes_sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Some(())
    }

    fn repeat(&mut self, bytes: &[u8], times: usize) -> Option<()> {
        (0..times).try_for_each(|_| self.send(bytes))
    }

    /// Sends one byte a second until the client closes the connection.
    fn drip(&mut self, head: &str) -> Option<()> {
        for byte in head.bytes().chain(std::iter::repeat(b'a')) {
            if self.shared.is_ended.load(Ordering::Relaxed) {
                return None;
            }
            self.send(&[byte])?;
            thread::park_timeout(Duration::from_secs(1));
        }
        Some(())
    }

    fn wait_for_close(&mut self) -> Option<()> {
        self.stream.tcp().set_read_timeout(Some(Duration::from_millis(100))).ok()?;
        loop {
            match self.stream.read(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.shared.is_ended.load(Ordering::Relaxed) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }
}
