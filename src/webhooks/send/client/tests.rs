use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::*;

/// A DNS server whose answers change: each answer is used once.
#[derive(Debug, Clone)]
struct ChangingDns(Arc<Mutex<VecDeque<Vec<SocketAddr>>>>);

impl ChangingDns {
    fn new(answers: &[&[SocketAddr]]) -> Self {
        Self(Arc::new(Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect())))
    }
}

impl Resolver for ChangingDns {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let answer = self.0.lock().unwrap().pop_front().ok_or(Error::HostNotFound)?;
        let mut addresses = self.empty();
        for address in answer {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

fn sender(networks: &[&str], dns: &ChangingDns) -> Sender {
    let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
    let networks = Networks::new(&networks);
    Sender::with_resolver(networks.clone(), CheckedResolver { networks, inner: dns.clone() })
}

fn request(url: &str) -> OutgoingRequest {
    OutgoingRequest {
        url: url.to_owned(),
        event_id: "id".to_owned(),
        timestamp: Timestamp::now(),
        secrets: vec!["whsec_AAAA".to_owned()],
        headers: Vec::new(),
        body: b"{}".to_vec(),
    }
}

/// A listener that must not be reached.
struct Trap(TcpListener);

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn assert_untouched(&self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "a connection was made");
    }
}

/// Responds to one request, and returns its head.
fn answer_once(response: &'static [u8]) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n{}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        io::Write::write_all(&mut stream, response).unwrap();
        String::from_utf8(head).unwrap()
    };
    (address, thread::spawn(serve))
}

#[test]
fn a_host_with_a_refused_address_is_not_contacted() {
    let trap = Trap::set();
    let refused = trap.address();
    let public: SocketAddr = "8.8.8.8:443".parse().unwrap();
    let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", refused.port()).parse().unwrap();
    for answer in [&[refused][..], &[mapped], &[refused, public], &[public, refused]] {
        let dns = ChangingDns::new(&[answer]);
        let result = sender(&[], &dns).send(request("https://receiver.example/hook"));
        assert_eq!((result.status, result.error), (None, Some("address not allowed")), "{answer:?}");
    }
    trap.assert_untouched();
}

/// The check before a URL is stored may get another answer than a request.
#[test]
fn the_address_that_was_checked_is_the_one_connected_to() {
    let trap = Trap::set();
    let (allowed, server) = answer_once(b"HTTP/1.1 204 No Content\r\n\r\n");
    let dns = ChangingDns::new(&[&[allowed], &[trap.address()], &[trap.address()]]);
    let result = sender(&["127.0.0.1/32"], &dns).send(request("http://receiver.example/hook"));
    assert_eq!((result.status, result.error), (Some(204), None));
    assert!(server.join().unwrap().starts_with("POST /hook HTTP/1.1\r\n"));
    assert_eq!(dns.0.lock().unwrap().len(), 2, "one request resolves the name once");
    trap.assert_untouched();
}

#[test]
fn plain_http_reaches_listed_networks_only() {
    let trap = Trap::set();
    let public: SocketAddr = "8.8.8.8:80".parse().unwrap();
    for answer in [&[public][..], &[trap.address(), public]] {
        let dns = ChangingDns::new(&[answer]);
        let result = sender(&["127.0.0.0/8"], &dns).send(request("http://receiver.example/hook"));
        assert_eq!(result.error, Some("address not allowed"), "{answer:?}");
    }
    let result = sender(&[], &ChangingDns::new(&[&[trap.address()]])).send(request("http://receiver.example/hook"));
    assert_eq!(result.error, Some("URL not allowed"));
    trap.assert_untouched();
}

#[test]
fn redirects_are_not_followed() {
    let (address, server) =
        answer_once(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/\r\nContent-Length: 0\r\n\r\n");
    let dns = ChangingDns::new(&[&[address]]);
    let result = sender(&["127.0.0.0/8"], &dns).send(request("http://receiver.example/hook"));
    assert_eq!((result.status, result.error, result.is_success()), (Some(302), None, false));
    server.join().unwrap();
}

#[test]
fn headers_of_the_signature_cannot_be_overridden() {
    let (address, server) = answer_once(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n");
    let dns = ChangingDns::new(&[&[address]]);
    let headers = [("Webhook-Id", "forged"), ("Authorization", "Bearer a"), ("content-type", "text/plain")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let result =
        sender(&["127.0.0.0/8"], &dns).send(OutgoingRequest { headers, ..request("http://receiver.example/hook") });
    assert_eq!((result.status, result.retry_after), (Some(429), Some(Duration::from_secs(7))));
    let head = server.join().unwrap().to_lowercase();
    for expected in ["webhook-id: id", "authorization: bearer a", "content-type: text/plain", "host: receiver.example"]
    {
        assert_eq!(head.matches(&format!("\r\n{expected}\r\n")).count(), 1, "{expected}: {head}");
    }
    assert_eq!((head.matches("webhook-id").count(), head.matches("content-type").count()), (1, 1), "{head}");
}

#[test]
fn invalid_requests_are_not_sent() {
    let trap = Trap::set();
    let url = format!("http://{}/", trap.address());
    let dns = ChangingDns::new(&[]);
    let sender = sender(&["127.0.0.0/8"], &dns);
    let error = |request| sender.send(request).error;
    assert_eq!(error(OutgoingRequest { secrets: Vec::new(), ..request(&url) }), Some("the secret is invalid"));
    assert_eq!(error(OutgoingRequest { secrets: vec!["a".into()], ..request(&url) }), Some("the secret is invalid"));
    let headers = vec![("a\r\nb".to_owned(), "c".to_owned())];
    assert_eq!(error(OutgoingRequest { headers, ..request(&url) }), Some("a header is invalid"));
    assert_eq!(error(request("ftp://127.0.0.1/")), Some("URL not allowed"));
    assert_eq!(error(request("http://user@127.0.0.1/")), Some("URL not allowed"));
    trap.assert_untouched();
}
