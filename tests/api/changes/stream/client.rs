//! A client of the event stream on a raw connection, which decides how much it reads.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATH;
use crate::support::{WAIT_LIMIT, wait_for};

/// The fields before an empty line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) id: Option<String>,
    pub(super) event: Option<String>,
    pub(super) data: Option<String>,
    pub(super) retry: Option<u32>,
    pub(super) is_comment: bool,
}

impl Frame {
    fn parse(text: &str) -> Self {
        let mut frame = Self::default();
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => frame.id = Some(value.to_owned()),
                Some(("event", value)) => frame.event = Some(value.to_owned()),
                Some(("data", value)) => frame.data = Some(value.to_owned()),
                Some(("retry", value)) => frame.retry = Some(value.parse().unwrap()),
                _ if line.starts_with(':') => frame.is_comment = true,
                _ => panic!("unexpected line: {line:?}"),
            }
        }
        frame
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(self.data.as_ref().unwrap()).unwrap()
    }
}

/// The complete frames at the start of a stream.
pub(super) fn frames(body: &[u8]) -> Vec<Frame> {
    let text = String::from_utf8_lossy(body);
    let complete = text.rfind("\n\n").map_or("", |end| &text[..end]);
    complete.split("\n\n").filter(|frame| !frame.is_empty()).map(Frame::parse).collect()
}

/// An open stream.
pub(super) struct StreamClient {
    socket: TcpStream,
    pub(super) head: String,
    /// What was received after the head, in chunks.
    received: Vec<u8>,
    /// The body without the sizes of the chunks.
    pub(super) body: Vec<u8>,
    /// The size of the largest chunk.
    pub(super) largest_chunk: usize,
    /// How much of `body` has been returned as frames.
    returned: usize,
    frames: VecDeque<Frame>,
    /// Whether the chunk that ends the body was received.
    pub(super) is_complete: bool,
}

impl StreamClient {
    /// Sends the request, and waits for the head of the response, of any status. `query` begins with a question mark or
    /// is empty.
    pub(super) async fn open(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self::on(socket, query, headers).await
    }

    /// Opens a stream. Tries again while the watermark is unknown, because the poller of a busy machine can be late.
    pub(super) async fn connect(address: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        wait_for("the stream to open", async || {
            let client = Self::open(address, query, headers).await;
            let is_ready = !client.head.starts_with("HTTP/1.1 503 ");
            is_ready.then(|| client.expect_stream())
        })
        .await
    }

    pub(super) async fn on(socket: TcpStream, query: &str, headers: &[(&str, &str)]) -> Self {
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {PATH}{query} HTTP/1.1\r\nHost: x\r\n{}\r\n", lines.concat());
        socket.writable().await.unwrap();
        assert_eq!(socket.try_write(request.as_bytes()).unwrap(), request.len());
        let (head, received, body) = (String::new(), Vec::new(), Vec::new());
        let mut client = Self {
            socket,
            head,
            received,
            body,
            largest_chunk: 0,
            returned: 0,
            frames: VecDeque::new(),
            is_complete: false,
        };
        loop {
            if let Some(end) = client.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = client.received.split_off(end + 4);
                client.head = String::from_utf8(std::mem::replace(&mut client.received, rest)).unwrap();
                client.decode();
                return client;
            }
            assert!(client.receive().await, "the connection ended before the response");
        }
    }

    #[track_caller]
    pub(super) fn expect_stream(self) -> Self {
        assert!(self.head.starts_with("HTTP/1.1 200 "), "{}", self.head);
        self
    }

    /// Receives some bytes. Returns whether there were any before the end of the connection.
    async fn receive(&mut self) -> bool {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            timeout(WAIT_LIMIT, self.socket.readable()).await.expect("more of the stream").unwrap();
            match self.socket.try_read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
    }

    /// Moves complete chunks to the body.
    fn decode(&mut self) {
        while let Some(line) = self.received.windows(2).position(|window| window == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&self.received[..line]).unwrap(), 16).unwrap();
            let end = line + 2 + size + 2;
            if self.received.len() < end {
                return;
            }
            self.body.extend_from_slice(&self.received[line + 2..end - 2]);
            self.largest_chunk = self.largest_chunk.max(size);
            self.received.drain(..end);
            self.is_complete = size == 0;
        }
    }

    /// The next frame, also a comment. `None` at the end of the stream.
    pub(super) async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let unread = &self.body[self.returned..];
            let complete = unread.windows(2).rposition(|window| window == b"\n\n").map_or(0, |end| end + 2);
            self.frames.extend(frames(&unread[..complete]));
            self.returned += complete;
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.is_complete || !self.receive().await {
                return None;
            }
            self.decode();
        }
    }

    /// The next event.
    pub(super) async fn next_event(&mut self) -> Frame {
        loop {
            let frame = self.next_frame().await.expect("the stream continues");
            if frame.data.is_some() {
                return frame;
            }
        }
    }

    /// The data of the next events.
    pub(super) async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next_event().await.json());
        }
        events
    }

    /// Reads until the stream ends, and drops all events.
    pub(super) async fn wait_for_end(&mut self) {
        while self.next_frame().await.is_some() {}
    }
}
