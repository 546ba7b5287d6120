//! Requests that no proper client would send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::call::Reply;

/// Sends `request` and reads until the server closes, which `Connection: close` makes it do.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    answer
}

/// [`exchange`], taken apart. Bodies of unknown length end with the connection.
pub(crate) fn reply(address: SocketAddr, request: &[u8]) -> Reply {
    let answer = exchange(address, request);
    let line = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| panic!("{line}: no answer"));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let (status_line, fields) = head.split_once("\r\n").unwrap();
    let headers: HeaderMap = fields
        .lines()
        .map(|field| field.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { line, status, headers, body: answer[end + 4..].to_vec() }
}
