//! A moment in UTC with microseconds, stored as `timestamptz` on PostgreSQL and as RFC 3339 text on SQLite.
//!
//! The text is of fixed width (`2026-01-31T12:00:00.000000Z`), so that SQLite's text order is time order.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Interval, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The SQL type of every time column; `src/schema.rs` imports it in place of diesel's own `Timestamptz`.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Timestamptz;

// `diesel::table!` asks for both of a column type with this name.
impl diesel::sql_types::ops::Add for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}

impl diesel::sql_types::ops::Sub for Timestamptz {
    type Rhs = Interval;
    type Output = Self;
}

/// Microseconds since 1970-01-01T00:00:00Z, from 0001-01-01T00:00:00Z to 9999-12-30T22:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromSqlRow, AsExpression)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(i64);

/// PostgreSQL counts from 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// 0001-01-01T00:00:00Z.
const MIN: i64 = -62_135_596_800_000_000;
/// 9999-12-30T22:00:00Z, jiff's last moment: it leaves room for every offset within the year 9999.
const MAX: i64 = 253_402_207_200_000_000;

/// The text is not an RFC 3339 time from 0001-01-01T00:00:00Z to 9999-12-30T22:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-01-31T12:00:00Z, up to 9999-12-30T22:00:00Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0001-01-01T00:00:00Z, before every other one.
    pub const MIN: Self = Self(MIN);

    /// The system clock's time.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// The moment so many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Before the year 1, or after 9999-12-30.
    pub fn from_microseconds(microseconds: i64) -> Result<Self, InvalidTimestamp> {
        if (MIN..=MAX).contains(&microseconds) { Ok(Self(microseconds)) } else { Err(InvalidTimestamp) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_microseconds(self) -> i64 {
        self.0
    }

    /// The day in UTC, as `2026-01-31`.
    #[must_use]
    pub fn utc_date(self) -> String {
        self.to_string().chars().take_while(|c| *c != 'T').collect()
    }
}

/// A time as text, always with so many bytes: `2026-01-31T12:00:00.000000Z`. A page of posts has some eighty times, so
/// both ways go without a general parser and printer.
struct Text([u8; 27]);

impl Text {
    fn of(time: Timestamp) -> Result<Self, jiff::Error> {
        let time = Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(time.0)?);
        let micros = time.subsec_nanosecond() / 1000;
        let ([c1, c2], [y1, y2]) = (digits(time.year() / 100), digits(time.year() % 100));
        let ([m1, m2], [d1, d2]) = (digits(time.month()), digits(time.day()));
        let ([h1, h2], [i1, i2], [s1, s2]) = (digits(time.hour()), digits(time.minute()), digits(time.second()));
        let ([u1, u2], [u3, u4], [u5, u6]) =
            (digits(micros / 10_000), digits(micros / 100 % 100), digits(micros % 100));
        Ok(Self([
            c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', u1, u2, u3, u4,
            u5, u6, b'Z',
        ]))
    }

    fn as_str(&self) -> &str {
        // Digits and signs are ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Two digits of a number below 100.
fn digits(number: impl TryInto<u8>) -> [u8; 2] {
    let number = number.try_into().unwrap_or_default();
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// Reads what [`Text`] writes; `None` for any other text.
fn read_text(text: &[u8]) -> Option<Timestamp> {
    let &[
        c1,
        c2,
        y1,
        y2,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        b'.',
        u1,
        u2,
        u3,
        u4,
        u5,
        u6,
        b'Z',
    ] = text
    else {
        return None;
    };
    let year = i16::from(number(c1, c2)?) * 100 + i16::from(number(y1, y2)?);
    let (month, day) = (number(m1, m2)?, number(d1, d2)?);
    let (hour, minute, second) = (number(h1, h2)?, number(i1, i2)?, number(s1, s2)?);
    let micros = i32::from(number(u1, u2)?) * 10_000 + i32::from(number(u3, u4)?) * 100 + i32::from(number(u5, u6)?);
    let time = DateTime::new(year, month, day, hour, minute, second, micros * 1000).ok()?;
    let time = Offset::UTC.to_timestamp(time).ok()?;
    Timestamp::from_microseconds(time.as_microsecond()).ok()
}

/// The number that two digits write.
fn number(tens: u8, ones: u8) -> Option<i8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens < 10 && ones < 10 { i8::try_from(tens * 10 + ones).ok() } else { None }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).map_err(|_| fmt::Error)?.as_str())
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads an RFC 3339 time with any offset; digits past the microsecond are dropped.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        if let Some(time) = read_text(text.as_bytes()) {
            return Ok(time);
        }
        if !is_rfc3339(text) {
            return Err(InvalidTimestamp);
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        Self::from_microseconds(time.as_microsecond())
    }
}

/// Whether the text has the shape of RFC 3339, section 5.6: jiff reads more, such as dates without
/// hyphens and time zones in brackets.
fn is_rfc3339(text: &str) -> bool {
    let fits = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(given, expected)| match expected {
                b'0' => given.is_ascii_digit(),
                b'T' => given.eq_ignore_ascii_case(&b'T'),
                expected => given == expected,
            })
    };
    let Some((time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if offset.len() == fraction.len() {
                return false;
            }
            offset
        }
        None => rest,
    };
    fits(time, "0000-00-00T00:00:00")
        && (offset.eq_ignore_ascii_case("Z") || fits(offset, "+00:00") || fits(offset, "-00:00"))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(*self).map_err(serde::ser::Error::custom)?.as_str())
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
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn text_has_a_fixed_width_and_keeps_microseconds() {
        for (given, stored) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"),
            ("2026-01-31T12:00:00.1234567+02:00", "2026-01-31T10:00:00.123456Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-30T21:59:59.999999Z", "9999-12-30T21:59:59.999999Z"),
        ] {
            assert_eq!(given.parse::<Timestamp>().unwrap().to_string(), stored);
        }
    }

    #[test]
    fn every_time_that_is_accepted_can_be_written() {
        for microseconds in [MIN, -1, 0, MAX] {
            let time = Timestamp::from_microseconds(microseconds).unwrap();
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for microseconds in [i64::MIN, MIN - 1, MAX + 1, i64::MAX] {
            assert_eq!(Timestamp::from_microseconds(microseconds), Err(InvalidTimestamp));
        }
    }

    proptest! {
        #[test]
        fn a_time_is_written_and_read_as_jiff_does(micros in MIN..=MAX) {
            let time = Timestamp(micros);
            let printer = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(6));
            let text = printer.timestamp_to_string(&jiff::Timestamp::from_microsecond(micros).unwrap());
            prop_assert_eq!(time.to_string(), &text[..]);
            prop_assert_eq!(read_text(text.as_bytes()), Some(time));
        }

        #[test]
        fn a_damaged_time_is_read_as_jiff_reads_it(micros in MIN..=MAX, at in 0_usize..27, byte in 0x20_u8..0x7f) {
            let mut text = Timestamp(micros).to_string().into_bytes();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            // What it does not read, the general parser is asked for.
            if let Some(time) = read_text(text.as_bytes()) {
                let expected: jiff::Timestamp = text.parse().unwrap();
                prop_assert_eq!(time.0, expected.as_microsecond());
            }
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "", "yesterday", "2026-02-30T00:00:00Z", "2026-01-31", "-000001-01-01T00:00:00Z", "2026-01-31 12:00:00Z",
            "20260131T120000Z", "2026-01-31T12Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00,5Z",
            "2026-01-31T12:00:00.Z", "+002026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00[Europe/Paris]",
            "2026-01-31T12:00:00+0200", "9999-12-30T22:00:00.000001Z", "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }
}
