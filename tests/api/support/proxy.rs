//! A TCP proxy on this machine, between the service and PostgreSQL, that cuts a connection when a test says so, and
//! notes the statements that pass.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use url::Url;

use super::messages::Messages;

/// When a connection is cut, as its client sees it: both times no answer to `COMMIT` comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    BeforeCommit,
    AfterCommit,
}

pub(crate) struct Proxy {
    url: Url,
    armed: Arc<Mutex<Option<Cut>>>,
    statements: Arc<Mutex<Vec<String>>>,
    is_ended: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to the server of `url`.
    pub(crate) fn start(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        // It reads what passes.
        url.query_pairs_mut().append_pair("sslmode", "disable");
        let (armed, statements, is_ended) = (Arc::default(), Arc::default(), Arc::new(AtomicBool::new(false)));
        let (arming, noting, ending) = (Arc::clone(&armed), Arc::clone(&statements), Arc::clone(&is_ended));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                pass(&client, &server, &arming, &noting);
            }
        });
        Self { url, armed, statements, is_ended }
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Cuts the next connection that commits, once.
    pub(crate) fn arm(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some(cut);
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.lock().unwrap().is_some()
    }

    /// What has been run since the last call, of all connections together.
    pub(crate) fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that takes connections; those that there are end with their two sides.
        let _ = TcpStream::connect(("127.0.0.1", self.url.port().unwrap_or_default()));
    }
}

/// A thread for each direction, until either side closes.
fn pass(client: &TcpStream, server: &TcpStream, armed: &Arc<Mutex<Option<Cut>>>, statements: &Arc<Mutex<Vec<String>>>) {
    let is_cut = Arc::new(AtomicBool::new(false));
    let clone = |stream: &TcpStream| stream.try_clone().unwrap();
    let (from, to, armed, cutting) = (clone(client), clone(server), Arc::clone(armed), Arc::clone(&is_cut));
    let (mut messages, statements) = (Messages::default(), Arc::clone(statements));
    thread::spawn(move || {
        copy(&from, &to, |sent| {
            statements.lock().unwrap().extend(messages.read(sent));
            // A simple query, as diesel sends it.
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

/// Copies until the end, or until `goes_on` says no; what it said no to is not passed on.
pub(super) fn copy(mut from: &TcpStream, mut to: &TcpStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !goes_on(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
