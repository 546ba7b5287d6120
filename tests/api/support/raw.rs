//! Raw bytes over TCP, for requests that an HTTP client library cannot send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::call::Reply;

/// Sends `request` and reads until the server closes. Send `Connection: close` to make it do so.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::WAIT_LIMIT)).unwrap();
    // The write fails if the server responds and closes before it has read the whole request.
    let _ = stream.write_all(request);
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        response.extend_from_slice(&buffer[..count]);
    }
    response
}

/// Like [`exchange`], but parses the response. The body ends with the connection.
pub(crate) fn reply(address: SocketAddr, request: &[u8]) -> Reply {
    let response = exchange(address, request);
    let line = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
    let end =
        response.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| panic!("{line}: no response"));
    let head = std::str::from_utf8(&response[..end]).unwrap();
    let (status_line, fields) = head.split_once("\r\n").unwrap();
    let headers: HeaderMap = fields
        .lines()
        .map(|field| field.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { line, status, headers, body: response[end + 4..].to_vec() }
}
