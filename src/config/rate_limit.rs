//! The value of the setting `RATE_LIMIT`.

/// How many requests each client may send. [`crate::http::middleware::rate_limit`] defines a client and explains the
/// defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub reads: Rate,
    pub writes: Rate,
    /// Requests with an invalid API key.
    pub failures: Rate,
}

/// At most `count` requests in a burst, and at most `count` per `period` on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From 1 to [`Rate::MAX`].
    pub count: u32,
    /// The period in seconds.
    pub period: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            reads: Rate { count: 10_000, period: 1 },
            writes: Rate { count: 1_000, period: 1 },
            failures: Rate { count: 20, period: 60 },
        }
    }
}

impl RateLimit {
    /// Parses `off` as `Some(None)`, and a list such as `reads=10/s` as the rates. A rate that is not in the list keeps
    /// its default. Returns `None` for an invalid value.
    pub(super) fn parse(text: &str) -> Option<Option<Self>> {
        if text == "off" {
            return Some(None);
        }
        let mut limit = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let (name, rate) = part.trim().split_once('=')?;
            let target = match name {
                "reads" => &mut limit.reads,
                "writes" => &mut limit.writes,
                "failures" => &mut limit.failures,
                _ => return None,
            };
            *target = Rate::parse(rate)?;
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
        }
        Some(Some(limit))
    }
}

impl Rate {
    /// The largest `count`.
    pub const MAX: u32 = 1_000_000;

    /// Parses a rate such as `10/s`.
    fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let count = count.parse().ok().filter(|count| (1..=Self::MAX).contains(count))?;
        let period = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        Some(Self { count, period })
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::RATE_LIMIT;
    use super::*;

    #[test]
    fn omitted_rates_keep_their_defaults() {
        let default = RateLimit::default();
        assert_eq!(RateLimit::parse(RATE_LIMIT.default), Some(Some(default)));
        let writes = Rate { count: 7, period: 3600 };
        assert_eq!(RateLimit::parse("writes=7/h"), Some(Some(RateLimit { writes, ..default })));
        assert_eq!(RateLimit::parse("off"), Some(None));
    }
}
