//! `RATE_LIMIT`.

/// How many requests each client may send; what is a client, and why these defaults, says [`crate::http::middleware::rate_limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub reads: Rate,
    pub writes: Rate,
    /// Requests with a wrong key.
    pub failures: Rate,
}

/// So many at once, and on average as many in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From 1 to [`Rate::MAX`].
    pub count: u32,
    /// In seconds.
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
    pub(crate) const TAKES: &str = "off, or rates such as reads=10000/s,writes=1000/s,failures=20/m, each from 1 to 1000000 in a \
         second (s), minute (m) or hour (h)";

    /// `off` is `Some(None)`. A rate that is left out keeps its default.
    pub(crate) fn parse(text: &str) -> Option<Option<Self>> {
        if text == "off" {
            return Some(None);
        }
        let mut limit = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',') {
            let (name, rate) = part.trim().split_once('=')?;
            let place = match name {
                "reads" => &mut limit.reads,
                "writes" => &mut limit.writes,
                "failures" => &mut limit.failures,
                _ => return None,
            };
            *place = Rate::parse(rate)?;
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
        }
        Some(Some(limit))
    }
}

impl Rate {
    pub const MAX: u32 = 1_000_000;

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
    use super::*;

    #[test]
    fn rates_are_read_by_name_and_the_others_keep_their_default() {
        let default = RateLimit::default();
        let all = "reads=10000/s,writes=1000/s,failures=20/m";
        assert!(RateLimit::TAKES.contains(all), "the message shows the defaults");
        assert_eq!(RateLimit::parse(all), Some(Some(default)));
        let writes = Rate { count: 7, period: 3600 };
        assert_eq!(RateLimit::parse("writes=7/h"), Some(Some(RateLimit { writes, ..default })));
        assert_eq!(RateLimit::parse("off"), Some(None));
    }
}
