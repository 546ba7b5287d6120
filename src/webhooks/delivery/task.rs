//! Delivers the pending changes of one webhook, one request after the other, while this instance holds its lease.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::db::{Connection, Database, Error, Timestamp};
use crate::webhooks::delivery::event::OutgoingEvent;
use crate::webhooks::delivery::model::Delivery;
use crate::webhooks::delivery::next::{DueRow, NextRequest, next_request};
use crate::webhooks::delivery::stats::DeliveryStats;
use crate::webhooks::delivery::store::NewAttempt;
use crate::webhooks::delivery::{retry, store};
use crate::webhooks::send::target::origin_of;
use crate::webhooks::send::{AttemptResult, OutgoingRequest, Sender};

/// The time that a lease must have left when a request begins: longer than any request takes.
const MIN_LEASE: Duration = Duration::from_secs(20);
/// The pause before the outcome of a request is stored again, after the database has failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// The pause before a webhook is claimed again if there was nothing to send.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// The pause after an error of the database, which may last, and which is logged each time.
const ERROR_PAUSE: Duration = Duration::from_secs(10);

/// The resources of deliveries.
#[derive(Clone)]
pub(super) struct DeliveryContext {
    pub(super) database: Database,
    pub(super) sender: Sender,
    pub(super) stats: Arc<DeliveryStats>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// The lease of a delivery. This process measures the time of the lease too: after it was frozen, it must detect
/// without the database that it has lost the lease.
struct Lease {
    token: String,
    ends: Instant,
}

impl Lease {
    fn new() -> Result<Self, getrandom::Error> {
        let token = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
        Ok(Self { token, ends: Self::end() })
    }

    /// The end of a lease that is about to be renewed.
    fn end() -> Instant {
        Instant::now() + Duration::from_micros(store::LEASE.unsigned_abs())
    }
}

/// Whether a request that begins now ends before the lease does.
fn is_sufficient(lease_ends: Instant) -> bool {
    Instant::now() + MIN_LEASE < lease_ends
}

/// Delivers the pending changes. `due` is the row that the worker has found.
pub(super) async fn deliver(context: DeliveryContext, seen: Delivery, due: DueRow) {
    let (id, target) = (seen.id, origin_of(seen.config.url.reveal()));
    let Ok(lease) = Lease::new() else { return };
    let pause = match run(&context, lease, seen, due).await {
        Ok(Outcome::Done) => return,
        Ok(Outcome::Idle) => IDLE_PAUSE,
        Err(error) => {
            tracing::warn!(%error, webhook = id, target, "failed to read or store a webhook delivery; will retry");
            ERROR_PAUSE
        }
    };
    let mut stopping = context.stopping.clone();
    // Ends at once if the worker stops or no longer exists.
    let _ = tokio::time::timeout(pause, stopping.wait_for(|is_stopping| *is_stopping)).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Requests were sent, or another instance delivers.
    Done,
    /// The webhook was due, but there was nothing to send. It must not be claimed again at once.
    Idle,
}

async fn run(context: &DeliveryContext, mut lease: Lease, seen: Delivery, due: DueRow) -> Result<Outcome, Error> {
    let (token, burst_end, version) = (lease.token.clone(), seen.is_burst().then_some(due.seq), seen.version);
    let claim = move |conn: &mut Connection| store::claim(conn, &seen, burst_end, &token);
    let Some(mut delivery) = context.database.write_each(claim).await? else { return Ok(Outcome::Done) };
    let (mut outcome, mut due) = (Outcome::Idle, Some(due));
    loop {
        let next = if is_stopping(context) || !delivery.config.enabled {
            None
        } else {
            let due = due.filter(|_| delivery.version == version);
            next_request(&context.database, &delivery, due).await.unwrap_or_else(|error| {
                tracing::warn!(%error, webhook = delivery.id, "failed to read the changes for a webhook; will retry");
                None
            })
        };
        let Some(next) = next else { return release(context, &delivery, &lease).await.map(|()| outcome) };
        if !is_sufficient(lease.ends) {
            let (id, token, ends) = (delivery.id, lease.token.clone(), Lease::end());
            match context.database.write_each(move |conn| store::renew(conn, id, &token)).await? {
                // The webhook may have changed.
                Some(renewed) => (delivery, lease.ends) = (renewed, ends),
                None => return release(context, &delivery, &lease).await.map(|()| outcome),
            }
            continue;
        }
        // `None`: the thread could not begin in time.
        let Some((at, result)) = send(context, &delivery, &next.event, lease.ends).await else { continue };
        context.stats.record_attempt(&result);
        outcome = Outcome::Done;
        let renewed = Lease::end();
        match store_outcome(context, &delivery, &lease, next, at, &result).await? {
            Some(moved) => (delivery, lease.ends, due) = (moved, renewed, None),
            None => return Ok(outcome),
        }
    }
}

fn is_stopping(context: &DeliveryContext) -> bool {
    *context.stopping.borrow()
}

async fn release(context: &DeliveryContext, delivery: &Delivery, lease: &Lease) -> Result<(), Error> {
    let (id, token) = (delivery.id, lease.token.clone());
    context.database.write_each(move |conn| store::release(conn, id, &token)).await
}

/// Sends the request, unless the lease would end first. Returns when it was sent.
async fn send(
    context: &DeliveryContext,
    delivery: &Delivery,
    event: &OutgoingEvent,
    lease_ends: Instant,
) -> Option<(Timestamp, AttemptResult)> {
    let (sender, delivery, event) = (context.sender.clone(), delivery.clone(), event.clone());
    let run = move || {
        let at = Timestamp::now();
        let request = OutgoingRequest {
            url: delivery.config.url.reveal().to_owned(),
            event_id: event.id,
            timestamp: at,
            secrets: delivery.secrets(at),
            headers: delivery.config.headers(),
            body: event.body,
        };
        is_sufficient(lease_ends).then(|| (at, sender.send(request)))
    };
    tokio::task::spawn_blocking(run).await.ok().flatten()
}

/// Stores the outcome. Returns the webhook if its lease continues. If the database does not respond, tries again,
/// because the receiver would otherwise get the request again.
async fn store_outcome(
    context: &DeliveryContext,
    delivery: &Delivery,
    lease: &Lease,
    next: NextRequest,
    at: Timestamp,
    result: &AttemptResult,
) -> Result<Option<Delivery>, Error> {
    let attempt = NewAttempt {
        webhook_id: delivery.id,
        event_id: next.event.id,
        event_type: next.event.event_type,
        at,
        duration_ms: i32::try_from(result.duration.as_millis()).unwrap_or(i32::MAX),
        status: result.status.and_then(|status| i16::try_from(status).ok()),
        error: result.error,
        attempt: delivery.attempt.saturating_add(1),
    };
    let mut is_failing = false;
    loop {
        let stored = if result.is_success() {
            store_success(context, delivery, lease, &attempt, next.event.end, next.has_another).await
        } else {
            store_failure(context, delivery, lease, &attempt, result).await.map(|()| None)
        };
        match stored {
            Err(error) if !is_stopping(context) => {
                if !is_failing {
                    tracing::warn!(%error, webhook = delivery.id, "failed to store a webhook delivery; will retry");
                }
                is_failing = true;
                tokio::time::sleep(STORE_PAUSE).await;
            }
            stored => return stored,
        }
    }
}

async fn store_success(
    context: &DeliveryContext,
    delivery: &Delivery,
    lease: &Lease,
    attempt: &NewAttempt,
    end: i64,
    has_another: bool,
) -> Result<Option<Delivery>, Error> {
    let (attempt, token) = (attempt.clone(), lease.token.clone());
    let moved = context.database.write(move |conn| store::succeed(conn, &attempt, &token, end, has_another)).await?;
    match moved {
        Some(moved) => {
            if delivery.attempt > 0 {
                let target = origin_of(delivery.config.url.reveal());
                tracing::info!(webhook = delivery.id, target, "the webhook succeeds again");
            }
            Ok(has_another.then_some(moved))
        }
        // A client has moved the position, or deleted the webhook.
        None => release(context, delivery, lease).await.map(|()| None),
    }
}

async fn store_failure(
    context: &DeliveryContext,
    delivery: &Delivery,
    lease: &Lease,
    attempt: &NewAttempt,
    result: &AttemptResult,
) -> Result<(), Error> {
    let random = getrandom::u64().unwrap_or_default();
    let (sent, lease_token, mut attempt_row) = (delivery.clone(), lease.token.clone(), attempt.clone());
    let (status, retry_after) = (result.status, result.retry_after);
    let write = move |conn: &mut Connection| {
        let Some(current) = store::lock_leased(conn, sent.id, &lease_token)? else { return Ok(None) };
        if !current.repeats(&sent) {
            return store::fail(conn, &attempt_row, None).map(|()| Some(None));
        }
        // A client may have restarted the attempts.
        attempt_row.attempt = current.attempt.saturating_add(1);
        let failure = retry::failure(&current, status, retry_after, random, store::clock(conn)?);
        store::fail(conn, &attempt_row, Some(&failure))?;
        Ok(Some(failure.disabled))
    };
    let Some(disabled) = context.database.write(write).await? else {
        return release(context, delivery, lease).await;
    };
    let (webhook, target, attempt) = (delivery.id, origin_of(delivery.config.url.reveal()), attempt.attempt);
    let reason =
        result.status.map_or_else(|| result.error.unwrap_or_default().to_owned(), |status| format!("status {status}"));
    match disabled {
        Some(disabled) => {
            tracing::warn!(webhook, target, attempt, reason, disabled = disabled.as_str(), "disabled a webhook");
        }
        // The attempts of the webhook contain the other failures.
        None if attempt == 1 => tracing::warn!(webhook, target, reason, "a webhook request failed; will retry"),
        None => tracing::debug!(webhook, target, attempt, reason, "a webhook request failed again; will retry"),
    }
    Ok(())
}
