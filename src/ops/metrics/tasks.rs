//! The metrics of the background tasks: scheduled posts, and webhooks.

use std::fmt;
use std::time::Duration;

use crate::db::Timestamp;
use crate::ops::metrics::writer::MetricWriter;
use crate::posts::scheduler::SchedulerStats;
use crate::webhooks::delivery::DeliveryStats;

pub(super) fn schedule(out: &mut MetricWriter, stats: &SchedulerStats) -> fmt::Result {
    out.histogram(
        "schedule_lag_seconds",
        "Delay between the scheduled time of a post and its publication by this instance.",
        [([], &stats.lags())],
    )?;
    out.gauge(
        "schedule_last_poll_timestamp_seconds",
        "Time of the last successful poll for due posts by this instance, in seconds since 1970. 0: none yet.",
        [([], seconds_since_1970(stats.polled_at()))],
    )
}

pub(super) fn webhooks(out: &mut MetricWriter, stats: &DeliveryStats) -> fmt::Result {
    out.counter(
        "webhook_attempts",
        "Requests to webhooks by this instance, by outcome. rejected: the status was not 2xx; error: there was no \
         response.",
        stats.attempts().map(|(outcome, count)| ([("outcome", outcome)], count)),
    )?;
    out.gauge(
        "webhooks",
        "Webhooks by state, as this instance last read them. failing: the last request failed; disabled: by a client; \
         given_up: disabled by the service.",
        stats.states().map(|(state, count)| ([("state", state)], count)),
    )?;
    out.gauge(
        "webhook_oldest_pending_seconds",
        "Time since the oldest request that has not succeeded became due. A request that failed is due when its delay \
         has passed. 0: none is due.",
        [([], stats.oldest_pending_seconds(Timestamp::now()))],
    )?;
    out.gauge(
        "webhook_last_poll_timestamp_seconds",
        "Time of the last successful poll for due webhooks by this instance, in seconds since 1970. 0: none yet.",
        [([], seconds_since_1970(stats.checked_at()))],
    )
}

/// 0 without a time.
fn seconds_since_1970(time: Option<Timestamp>) -> f64 {
    time.map_or(0.0, |time| Duration::from_micros(time.as_microseconds().unsigned_abs()).as_secs_f64())
}
