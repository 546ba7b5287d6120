//! [`Timestamp`]: a UTC time in microseconds, stored as `timestamptz` on PostgreSQL and as RFC 3339 text on SQLite.
//!
//! The text has a fixed width (`2026-01-31T12:00:00.000000Z`), so that SQLite's text order is chronological. diesel's
//! own types for times in SQLite accept many formats, and are therefore slower.

mod rfc3339;

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Interval, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The SQL type of every time column. `src/schema.rs` imports it instead of diesel's `Timestamptz`.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Timestamptz;

// `diesel::table!` requires both from a column type with this name.
impl diesel::sql_types::ops::Add for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}

impl diesel::sql_types::ops::Sub for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}

/// A UTC time in the years 0000 to 9999, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromSqlRow, AsExpression)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(i64);

/// 2000-01-01T00:00:00Z, the origin of PostgreSQL's binary format.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// 0000-01-01T00:00:00Z.
const MIN: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z.
const MAX: i64 = 253_402_300_799_999_999;

/// A text or number that is not a valid [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-01-31T12:00:00Z, in the years 0000 to 9999 in UTC")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(MIN);

    /// The current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// Converts from microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// The time is not in the years 0000 to 9999.
    pub fn from_microseconds(microseconds: i64) -> Result<Self, InvalidTimestamp> {
        if (MIN..=MAX).contains(&microseconds) { Ok(Self(microseconds)) } else { Err(InvalidTimestamp) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_microseconds(self) -> i64 {
        self.0
    }

    /// The date in UTC: `2026-01-31`.
    #[must_use]
    pub fn utc_date(self) -> String {
        self.to_string().chars().take_while(|c| *c != 'T').collect()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(rfc3339::format(self.0).map_err(|_| fmt::Error)?.as_str())
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Parses a `date-time` of RFC 3339, section 5.6. Digits beyond microseconds are dropped.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        Self::from_microseconds(rfc3339::parse(text.as_bytes()).ok_or(InvalidTimestamp)?)
    }
}

impl Timestamp {
    /// Parses a time of a SQLite column, and appends it in the fixed-width format, without formatting it again if it
    /// has that format already.
    pub(crate) fn copy_rfc3339(text: &str, out: &mut Vec<u8>) -> Result<Self, InvalidTimestamp> {
        let time: Self = text.parse()?;
        if rfc3339::has_fixed_width(text.as_bytes()) {
            out.extend_from_slice(text.as_bytes());
        } else {
            time.append_rfc3339(out)?;
        }
        Ok(time)
    }

    /// Appends the time in the fixed-width format.
    pub(crate) fn append_rfc3339(self, out: &mut Vec<u8>) -> Result<(), InvalidTimestamp> {
        out.extend_from_slice(rfc3339::format(self.0).map_err(|_| InvalidTimestamp)?.as_bytes());
        Ok(())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(rfc3339::format(self.0).map_err(serde::ser::Error::custom)?.as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql<Timestamptz, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<BigInt, Pg>::to_sql(&(self.0 - POSTGRES_EPOCH), &mut out.reborrow())
    }
}

impl FromSql<Timestamptz, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let microseconds = <i64 as FromSql<BigInt, Pg>>::from_sql(value)?;
        let since_unix_epoch = microseconds.checked_add(POSTGRES_EPOCH).ok_or(InvalidTimestamp)?;
        Ok(Self::from_microseconds(since_unix_epoch)?)
    }
}

impl ToSql<Timestamptz, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Sqlite> for Timestamp {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(value.read_text().parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_fixed_width_and_microseconds() {
        for (input, text) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"),
            ("2026-01-31T12:00:00.1234567+02:00", "2026-01-31T10:00:00.123456Z"),
            ("2026-01-31t12:00:00.9999999999z", "2026-01-31T12:00:00.999999Z"),
            ("2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00.000000Z"),
            ("2026-01-31T00:00:00+23:59", "2026-01-30T00:01:00.000000Z"),
            ("1998-12-31T15:59:60.5-08:00", "1998-12-31T23:59:59.999999Z"),
            ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(input.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn limits_are_accepted_and_exceeding_them_is_rejected() {
        for microseconds in [MIN, -1, 0, MAX] {
            let time = Timestamp::from_microseconds(microseconds).unwrap();
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for microseconds in [i64::MIN, MIN - 1, MAX + 1, i64::MAX] {
            assert_eq!(Timestamp::from_microseconds(microseconds), Err(InvalidTimestamp));
        }
    }

    #[test]
    fn invalid_text_is_rejected() {
        for text in [
            "", "yesterday", "2026-02-30T00:00:00Z", "2026-01-31", "-000001-01-01T00:00:00Z", "2026-01-31 12:00:00Z",
            "20260131T120000Z", "2026-01-31T12Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00,5Z",
            "2026-01-31T12:00:00.Z", "+002026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00[Europe/Paris]",
            "2026-01-31T12:00:00+0200", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+00:60",
            "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:60Z", "2026-01-31T23:59:61Z",
            "2026-01-30T23:59:60Z", "2026-01-31T12:00Z", "2025-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z", "٢٠٢٦-01-31T12:00:00Z", "2026-01-31T12:00:00.٣Z", "2026-01-31T12:00:00ZZ",
            "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-01-31T12:00:00Z\n",
            " 2026-01-31T12:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn copied_times_have_a_fixed_width() {
        for text in [
            "2026-01-31T12:00:00.000000Z", "2026-01-31t12:00:00.000000Z", "2026-01-31T12:00:00.000000z",
            "2026-01-31T12:00:00.0000001Z", "2026-01-31T12:00:00.00000Z", "2026-01-31T12:00:00Z",
            "2016-12-31T23:59:60.000000Z", "2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.000+01:00",
            "2026-01-31T12:00:00.0+00:00",
        ] {
            let mut copy = b"x".to_vec();
            let time = Timestamp::copy_rfc3339(text, &mut copy).unwrap();
            assert_eq!((time, copy), (text.parse().unwrap(), format!("x{time}").into_bytes()), "{text}");
        }
        assert_eq!(Timestamp::copy_rfc3339("2026-13-31T12:00:00.000000Z", &mut Vec::new()), Err(InvalidTimestamp));
    }
}
