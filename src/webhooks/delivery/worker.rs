//! [`Worker`]: the task that determines which webhooks are due, and starts their deliveries.
//!
//! 1. It checks the webhooks after a change of the log, when a request becomes due, when a client has changed a
//!    webhook, and every 10 seconds. The periodic check detects the changes that commands and other instances have
//!    made.
//! 2. A check only reads. Claiming a due webhook writes. Without enabled webhooks, changes of the log cause no check.
//! 3. Each webhook has at most one delivery, so a slow receiver delays no other one. At most 50 webhooks exist.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::db::{ChangeWatch, Connection, Database, Error, Settled, Timestamp};
use crate::webhooks::delivery::control::Deliveries;
use crate::webhooks::delivery::model::Delivery;
use crate::webhooks::delivery::next::DueRow;
use crate::webhooks::delivery::progress::{Pending, Progress};
use crate::webhooks::delivery::stats::StateCounts;
use crate::webhooks::delivery::store;
use crate::webhooks::delivery::task::{DeliveryContext, deliver};
use crate::webhooks::send::Sender;
use crate::webhooks::send::target::origin_of;

/// The longest time between two checks.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// After a change, the worker waits for this time, so that many changes cause one check.
const CHANGE_PAUSE: Duration = Duration::from_millis(50);
/// The pause before the next check if the database fails, or if the position up to which the log is complete is
/// unknown.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The worker of an instance.
pub(super) struct Worker {
    context: DeliveryContext,
    deliveries: Deliveries,
    /// The rows that have been examined for each webhook, and the watermark at that time.
    progress: HashMap<i64, Progress>,
    settled: Option<Settled>,
    /// The webhooks with a delivery of this instance.
    running: HashSet<i64>,
    has_enabled: bool,
}

/// The result of a check.
struct Examined {
    now: Timestamp,
    deliveries: Vec<Delivery>,
    progress: HashMap<i64, Progress>,
}

/// A delivery to start.
enum Start {
    Deliver { delivery: Delivery, due: DueRow },
    Skip { delivery: Delivery, to: i64 },
}

impl Worker {
    pub(super) fn new(database: Database, sender: Sender, deliveries: Deliveries) -> Self {
        let stats = Arc::clone(&deliveries.stats);
        let context = DeliveryContext { database, sender, stats, stopping: deliveries.stopping.subscribe() };
        Self {
            context,
            deliveries,
            progress: HashMap::new(),
            settled: None,
            running: HashSet::new(),
            has_enabled: false,
        }
    }

    /// Runs until [`Deliveries::stop`], and then until the deliveries have ended.
    pub(super) async fn run(mut self) {
        let mut changes = self.context.database.watch_changes();
        let mut stopping = self.deliveries.stopping.subscribe();
        let mut running = FuturesUnordered::new();
        let mut is_failing = false;
        while !*stopping.borrow_and_update() {
            changes.mark_seen();
            let checked = self.check_webhooks().await;
            let pause = match checked {
                Ok((starts, pause)) => {
                    is_failing = false;
                    running.extend(starts.into_iter().map(|start| self.start(start)));
                    pause
                }
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(%error, "failed to read the webhooks; will retry");
                    }
                    is_failing = true;
                    RETRY_PAUSE
                }
            };
            tokio::select! {
                () = wait_for_change(&mut changes), if self.has_enabled => {}
                () = tokio::time::sleep(pause) => {}
                () = self.deliveries.wake.notified() => {}
                Some(id) = running.next() => {
                    self.running.remove(&id);
                }
                _ = stopping.changed() => {}
            }
        }
        while running.next().await.is_some() {}
        self.deliveries.finished.send_replace(true);
    }

    /// Checks the webhooks. Returns the due ones, and the time until the next check.
    async fn check_webhooks(&mut self) -> Result<(Vec<Start>, Duration), Error> {
        let database = self.context.database.clone();
        let Some(settled) = database.settled() else { return Ok((Vec::new(), RETRY_PAUSE)) };
        if self.settled.replace(settled).is_some_and(|last| !database.is_still_settled(last)) {
            // Another server may have assigned the same positions again.
            self.progress.clear();
        }
        let progress = std::mem::take(&mut self.progress);
        let found = database.read_inline(move |conn| examine(conn, progress, settled)).await?;
        if !database.is_still_settled(settled) {
            return Ok((Vec::new(), RETRY_PAUSE));
        }
        Ok(self.evaluate(found, settled))
    }

    fn evaluate(&mut self, found: Examined, settled: Settled) -> (Vec<Start>, Duration) {
        let Examined { now, deliveries, mut progress } = found;
        let (mut starts, mut next_check, mut oldest) = (Vec::new(), None, None);
        let mut counts = StateCounts::default();
        for delivery in deliveries {
            count(&mut counts, &delivery);
            let Some(known) = progress.get_mut(&delivery.id) else { continue };
            report_gaps(known, &delivery);
            let pending = known.pending(&delivery, now);
            if let Some(at) = pending.due_at(&delivery).filter(|at| *at <= now) {
                oldest = oldest.into_iter().chain([at.max(delivery.updated_at)]).min();
            }
            let due_at = match pending {
                // The end of the log comes first.
                _ if known.has_more(delivery.is_burst()) => Some(now),
                Pending::Nothing => None,
                Pending::Skip { to } => self.add_if_free(&mut starts, Start::Skip { delivery, to }, now),
                Pending::Request { end, .. } => pending.due_at(&delivery).filter(|at| *at > now).or_else(|| {
                    let due = DueRow { seq: end, settled };
                    self.add_if_free(&mut starts, Start::Deliver { delivery, due }, now)
                }),
            };
            next_check = next_check.into_iter().chain(due_at).min();
        }
        self.context.stats.record_check(counts, oldest);
        self.has_enabled = !progress.is_empty();
        self.progress = progress;
        (starts, until(next_check, now))
    }

    /// Adds the webhook if it is due, unless a delivery holds the lease. Returns when the lease ends.
    fn add_if_free(&mut self, starts: &mut Vec<Start>, start: Start, now: Timestamp) -> Option<Timestamp> {
        let (Start::Deliver { delivery, .. } | Start::Skip { delivery, .. }) = &start;
        if self.running.contains(&delivery.id) {
            return None;
        }
        if let Some(leased_until) = delivery.leased_until.filter(|leased_until| *leased_until >= now) {
            return Some(leased_until);
        }
        self.running.insert(delivery.id);
        starts.push(start);
        None
    }

    /// Starts a delivery. The future returns the id of the webhook when it has ended.
    fn start(&self, start: Start) -> impl Future<Output = i64> + use<> {
        let context = self.context.clone();
        let (id, handle) = match start {
            Start::Deliver { delivery, due } => (delivery.id, actix_web::rt::spawn(deliver(context, delivery, due))),
            Start::Skip { delivery, to } => (delivery.id, actix_web::rt::spawn(skip(context, delivery, to))),
        };
        async move {
            // The error is a panic, which has been logged.
            let _ = handle.await;
            id
        }
    }
}

async fn wait_for_change(changes: &mut ChangeWatch) {
    changes.changed().await;
    tokio::time::sleep(CHANGE_PAUSE).await;
}

/// Reads all webhooks, and examines the rows of the log that are new for the enabled ones.
fn examine(
    conn: &mut Connection,
    mut known: HashMap<i64, Progress>,
    settled: Settled,
) -> diesel::QueryResult<Examined> {
    let deliveries = store::all(conn)?;
    let mut examined = HashMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.config.enabled) {
        let known = known.remove(&delivery.id).filter(|progress| progress.is_of(delivery));
        let mut progress = known.unwrap_or_else(|| Progress::new(delivery));
        progress.advance(conn, settled.seq, delivery.is_burst())?;
        examined.insert(delivery.id, progress);
    }
    Ok(Examined { now: store::clock(conn)?, deliveries, progress: examined })
}

async fn skip(context: DeliveryContext, delivery: Delivery, to: i64) {
    let id = delivery.id;
    if let Err(error) = context.database.write_each(move |conn| store::skip(conn, &delivery, to)).await {
        tracing::warn!(%error, webhook = id, "failed to move the position of a webhook; will retry");
    }
}

fn count(counts: &mut StateCounts, delivery: &Delivery) {
    let counter = match (delivery.config.enabled, delivery.attempt) {
        (false, _) if delivery.disabled_reason.is_some() => &mut counts.given_up,
        (false, _) => &mut counts.disabled,
        (true, 0) => &mut counts.active,
        (true, _) => &mut counts.failing,
    };
    *counter += 1;
}

fn report_gaps(progress: &mut Progress, delivery: &Delivery) {
    if progress.take_restart() {
        let target = origin_of(delivery.config.url.reveal());
        tracing::warn!(
            webhook = delivery.id,
            target,
            "the position of a webhook is beyond the newest change; continuing with the oldest change"
        );
    }
    if progress.take_lost_rows() {
        let target = origin_of(delivery.config.url.reveal());
        tracing::warn!(
            webhook = delivery.id,
            target,
            "changes expired before they were delivered to a webhook; continuing with the oldest change"
        );
    }
}

fn until(time: Option<Timestamp>, now: Timestamp) -> Duration {
    let microseconds = time.map(|time| time.as_microseconds().saturating_sub(now.as_microseconds()).max(0));
    microseconds.map_or(POLL_INTERVAL, |time| Duration::from_micros(time.unsigned_abs()).min(POLL_INTERVAL))
}
