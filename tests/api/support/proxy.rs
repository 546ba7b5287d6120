//! A TCP proxy between the service and PostgreSQL. It records the statements that pass, and cuts a connection at its
//! `COMMIT` on request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use url::Url;

use super::messages::Messages;

/// When to cut the connection. In both cases the client receives no response to `COMMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never receives `COMMIT`.
    BeforeCommit,
    /// The server commits, and its response is lost.
    AfterCommit,
}

pub(crate) struct Proxy {
    url: Url,
    armed: Arc<Mutex<Option<Cut>>>,
    statements: Arc<Mutex<Vec<String>>>,
    is_ended: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy to the server of `url`.
    pub(crate) fn start(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        // The proxy can only parse unencrypted messages.
        url.query_pairs_mut().append_pair("sslmode", "disable");
        let (armed, statements, is_ended) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(false)));
        let (cut, recorded, ended) = (Arc::clone(&armed), Arc::clone(&statements), Arc::clone(&is_ended));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                forward(&client, &server, &cut, &recorded);
            }
        });
        Self { url, armed, statements, is_ended }
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Cuts the next connection that sends `COMMIT`, once.
    pub(crate) fn arm(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some(cut);
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.lock().unwrap().is_some()
    }

    /// The statements of all connections since the last call.
    pub(crate) fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Unblocks `accept`. Open connections end when either side closes.
        let _ = TcpStream::connect(("127.0.0.1", self.url.port().unwrap_or_default()));
    }
}

/// Forwards bytes with one thread per direction until either side closes.
fn forward(
    client: &TcpStream,
    server: &TcpStream,
    armed: &Arc<Mutex<Option<Cut>>>,
    statements: &Arc<Mutex<Vec<String>>>,
) {
    let is_cut = Arc::new(AtomicBool::new(false));
    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
    let (from, to, armed, cutting) = (clone(client), clone(server), Arc::clone(armed), Arc::clone(&is_cut));
    let (mut messages, statements) = (Messages::default(), Arc::clone(statements));
    thread::spawn(move || {
        copy(&from, &to, |sent| {
            statements.lock().unwrap().extend(messages.read(sent));
            // diesel sends COMMIT as a simple query.
            if !sent.ends_with(b"COMMIT\0") {
                return true;
            }
            let cut = armed.lock().unwrap().take();
            cutting.store(cut == Some(Cut::AfterCommit), Ordering::SeqCst);
            cut != Some(Cut::BeforeCommit)
        });
    });
    let (from, to) = (clone(server), clone(client));
    thread::spawn(move || copy(&from, &to, |_| !is_cut.load(Ordering::SeqCst)));
}

/// Copies until the end, or until `forward` returns `false`; the bytes it rejected are not written.
pub(super) fn copy(mut from: &TcpStream, mut to: &TcpStream, mut forward: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !forward(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
