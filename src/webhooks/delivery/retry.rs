//! Determines when a failed request is sent again, and when a webhook is disabled.

use std::time::Duration;

use crate::db::Timestamp;
use crate::webhooks::delivery::model::Delivery;

/// The time until the second attempt, the third attempt, and so on. The last one repeats.
const DELAYS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
];
/// A webhook without success for this long is disabled.
const MAX_FAILURE: Duration = Duration::from_hours(72);
/// Delays vary by this share, so that webhooks that failed together do not retry together.
const JITTER_PERCENT: u64 = 20;

/// Why the service disables a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisabledReason {
    /// The receiver responded with 410.
    Gone,
    /// There was no success for [`MAX_FAILURE`].
    Failing,
}

impl DisabledReason {
    /// The value of the column `disabled_reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// The consequences of a failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) failing_since: Timestamp,
    pub(crate) next_attempt_at: Timestamp,
    /// Why the webhook is disabled, if it is.
    pub(crate) disabled: Option<DisabledReason>,
}

/// The consequences of another failure of the webhook.
pub(crate) fn failure(
    webhook: &Delivery,
    status: Option<u16>,
    retry_after: Option<Duration>,
    random: u64,
    now: Timestamp,
) -> Failure {
    let failing_since = webhook.failing_since.unwrap_or(now);
    let delay = delay(webhook.attempt.saturating_add(1), retry_after, random);
    let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
    let next_attempt_at = Timestamp::from_microseconds(now.as_microseconds().saturating_add(delay)).unwrap_or(now);
    Failure { failing_since, next_attempt_at, disabled: disabled_reason(status, failing_since, now) }
}

/// The time until the next attempt, after this number of failed ones. `random` is any number.
fn delay(failures: i32, retry_after: Option<Duration>, random: u64) -> Duration {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or_default();
    let base = DELAYS.get(index).or(DELAYS.last()).copied().unwrap_or_default();
    let percent = 100 - JITTER_PERCENT + random % (2 * JITTER_PERCENT + 1);
    let delay = base.mul_f64(f64::from(u32::try_from(percent).unwrap_or(100)) / 100.0);
    delay.max(retry_after.unwrap_or_default())
}

/// Whether and why a failure disables the webhook. `failing_since` is the first failure since the last success.
fn disabled_reason(status: Option<u16>, failing_since: Timestamp, now: Timestamp) -> Option<DisabledReason> {
    let failing = now.as_microseconds().saturating_sub(failing_since.as_microseconds());
    if status == Some(410) {
        Some(DisabledReason::Gone)
    } else if u128::try_from(failing).is_ok_and(|failing| failing >= MAX_FAILURE.as_micros()) {
        Some(DisabledReason::Failing)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_an_hour_with_jitter() {
        for (failures, seconds) in [(0, 5), (1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 3600), (50, 3600)] {
            let delays: Vec<Duration> = (0..41).map(|random| delay(failures, None, random)).collect();
            let base = Duration::from_secs(seconds);
            assert_eq!(delays.iter().min(), Some(&base.mul_f64(0.8)), "{failures}");
            assert_eq!(delays.iter().max(), Some(&base.mul_f64(1.2)), "{failures}");
        }
    }

    #[test]
    fn retry_after_is_never_shortened() {
        for random in 0..41 {
            let hour = Some(Duration::from_hours(1));
            assert_eq!(delay(1, hour, random), Duration::from_hours(1));
            assert!(delay(1, Some(Duration::ZERO), random) >= Duration::from_secs(4));
        }
    }

    #[test]
    fn gone_and_three_days_of_failure_disable() {
        let at = |hours: i64| Timestamp::from_microseconds(hours * 3_600_000_000).unwrap();
        assert_eq!(disabled_reason(Some(410), at(0), at(0)), Some(DisabledReason::Gone));
        assert_eq!(disabled_reason(Some(500), at(0), at(71)), None);
        assert_eq!(disabled_reason(None, at(0), at(72)), Some(DisabledReason::Failing));
        assert_eq!(disabled_reason(None, at(1), at(0)), None, "the clock was set back");
    }
}
