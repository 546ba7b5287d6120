//! The watchdog: a thread of the process that ends overdue calls.
//!
//! A call is canceled when its deadline has passed. If the database does not respond to that either, its connection is
//! shut down later, so that its thread and its permit become free and a new connection can replace it. That happens if
//! the server's host is lost, if a backend is suspended, or if a proxy forwards nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::db::call::Call;
use crate::db::interrupt::Interrupt;

/// How often the deadlines are checked.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Watched {
    next_id: u64,
    calls: HashMap<u64, CallLimits>,
}

struct CallLimits {
    call: Arc<Call>,
    cancel_at: Option<Instant>,
    close_at: Instant,
}

/// Ends the supervision of a call when it is dropped.
pub(crate) struct WatchGuard {
    id: u64,
    call: Arc<Call>,
}

/// Cancels `call` after `cancel_after`, and shuts down its connection after `close_after`.
pub(crate) fn watch(call: &Arc<Call>, cancel_after: Option<Duration>, close_after: Duration) -> WatchGuard {
    let now = Instant::now();
    let limits = CallLimits {
        call: Arc::clone(call),
        cancel_at: cancel_after.map(|after| now + after),
        close_at: now + close_after,
    };
    let mut watched = watched();
    let id = watched.next_id;
    watched.next_id += 1;
    watched.calls.insert(id, limits);
    WatchGuard { id, call: Arc::clone(call) }
}

/// Shuts down the connection after `close_after`. For work outside of a pool.
pub(crate) fn watch_connection(interrupt: &Arc<Interrupt>, close_after: Duration) -> WatchGuard {
    let call = Call::new(None, Arc::default());
    // A new call is not canceled.
    let _ = call.start(interrupt);
    watch(&call, None, close_after)
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        watched().calls.remove(&self.id);
        self.call.finish();
    }
}

/// The calls that run. The first use starts the thread.
fn watched() -> MutexGuard<'static, Watched> {
    static WATCHED: OnceLock<Mutex<Watched>> = OnceLock::new();
    let watched = WATCHED.get_or_init(|| {
        if let Err(error) = thread::Builder::new().name("db-watchdog".into()).spawn(run) {
            tracing::error!(%error, "failed to start the watchdog of database calls; hung connections stay open");
        }
        Mutex::default()
    });
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run() {
    loop {
        thread::park_timeout(INTERVAL);
        end_overdue(Instant::now());
    }
}

fn end_overdue(now: Instant) {
    let mut watched = watched();
    for limits in watched.calls.values_mut() {
        if limits.cancel_at.is_some_and(|cancel_at| cancel_at <= now) {
            limits.cancel_at = None;
            limits.call.cancel();
        }
        if limits.close_at <= now {
            limits.call.close_connection();
        }
    }
}
