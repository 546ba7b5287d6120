//! Formats and parses RFC 3339 times, as microseconds since 1970-01-01T00:00:00Z.
//!
//! A page of 40 posts can contain 80 times, so both are written for speed.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::tz::Offset;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const SECOND: i64 = 1_000_000;

/// A time in the fixed-width format `2026-01-31T12:00:00.000000Z`.
pub(super) struct Rfc3339Text([u8; 27]);

impl Rfc3339Text {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn as_str(&self) -> &str {
        // The bytes are ASCII, so this cannot fail.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Formats a time with a fixed width.
///
/// # Errors
/// The time is outside of jiff's range.
pub(super) fn format(microseconds: i64) -> Result<Rfc3339Text, jiff::Error> {
    let time = to_civil(microseconds)?;
    let micros = time.subsec_nanosecond() / 1000;
    let ([c1, c2], [y1, y2]) = (digits(time.year() / 100), digits(time.year() % 100));
    let ([m1, m2], [d1, d2]) = (digits(time.month()), digits(time.day()));
    let ([h1, h2], [i1, i2], [s1, s2]) = (digits(time.hour()), digits(time.minute()), digits(time.second()));
    let ([u1, u2], [u3, u4], [u5, u6]) = (digits(micros / 10_000), digits(micros / 100 % 100), digits(micros % 100));
    Ok(Rfc3339Text([
        c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', u1, u2, u3, u4, u5,
        u6, b'Z',
    ]))
}

/// The two digits of a number below 100.
fn digits(number: impl TryInto<u8>) -> [u8; 2] {
    let number = number.try_into().unwrap_or_default();
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// Parses a `date-time` of RFC 3339, section 5.6, exactly: no space instead of `T`, no omitted part, no other digits
/// than those of ASCII. Digits beyond microseconds are dropped, and a leap second becomes the last microsecond before
/// it.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let &[c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let &[b'T' | b't', h1, h2, b':', i1, i2, b':', s1, s2] = time else { return None };
    let year = i16::from(number(c1, c2)?) * 100 + i16::from(number(y1, y2)?);
    let (month, day) = (number(m1, m2)?, number(d1, d2)?);
    let (hour, minute, second) = (number(h1, h2)?, number(i1, i2)?, number(s1, s2)?);
    let (micros, rest) = parse_fraction(rest)?;
    let offset = parse_offset(rest)?;
    let is_leap = second == 60;
    let (second, micros) = if is_leap { (59, 999_999) } else { (second, micros) };
    let local = DateTime::new(year, month, day, hour, minute, second, micros * 1000).ok()?;
    let utc = to_microseconds(local) - offset;
    (!is_leap || is_end_of_month(utc)).then_some(utc)
}

/// Whether a valid time has the format of [`format()`]. [`parse`] moves a leap second, so it has another text.
pub(super) fn has_fixed_width(time: &[u8]) -> bool {
    let &[.., b'T', _, _, b':', _, _, b':', s1, _, b'.', _, _, _, _, _, _, b'Z'] = time else { return false };
    time.len() == 27 && s1 < b'6'
}

/// The microseconds of `[time-secfrac]`, and the text after it.
fn parse_fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(fraction) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = fraction.split_at_checked(length)?;
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    let micros = padded.fold(0, |micros, digit| micros * 10 + i32::from(digit - b'0'));
    (length > 0).then_some((micros, rest))
}

/// The microseconds of `time-offset`, with which the text ends.
fn parse_offset(text: &[u8]) -> Option<i64> {
    let (sign, [h1, h2, b':', i1, i2]) = (match text {
        b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    }) else {
        return None;
    };
    let (hours, minutes) = (i64::from(number(*h1, *h2)?), i64::from(number(*i1, *i2)?));
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
}

/// The number that two digits represent.
fn number(tens: u8, ones: u8) -> Option<i8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens < 10 && ones < 10 { i8::try_from(tens * 10 + ones).ok() } else { None }
}

/// Whether this is in the last second of a month. A leap second can only follow such a second (RFC 3339, section 5.7).
fn is_end_of_month(microseconds: i64) -> bool {
    to_civil(microseconds).is_ok_and(|time| {
        (time.hour(), time.minute(), time.second()) == (23, 59, 59) && time.day() == time.date().days_in_month()
    })
}

/// `jiff::Timestamp` is fast and ends at 9999-12-30T22:00:00Z. The slower arithmetic on civil times covers the rest.
fn to_microseconds(time: DateTime) -> i64 {
    match Offset::UTC.to_timestamp(time) {
        Ok(timestamp) => timestamp.as_microsecond(),
        Err(_) => i64::try_from(time.duration_since(EPOCH).as_micros()).unwrap_or(i64::MAX),
    }
}

fn to_civil(microseconds: i64) -> Result<DateTime, jiff::Error> {
    match jiff::Timestamp::from_microsecond(microseconds) {
        Ok(timestamp) => Ok(Offset::UTC.to_datetime(timestamp)),
        Err(_) => EPOCH.checked_add(SignedDuration::from_micros(microseconds)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;
    use crate::db::timestamp::{MAX, MIN};

    /// The grammar of section 5.6, written independently of the parser.
    const GRAMMAR: &str = r"(?x-u)^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])
        [Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?
        ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

    /// What the crate `time` reads. It also accepts any character instead of `T`, and at most 9 digits of a fraction
    /// count.
    fn expected(text: &str) -> Option<i64> {
        static REGEX: LazyLock<Regex> = LazyLock::new(|| Regex::new(GRAMMAR).unwrap());
        if !REGEX.is_match(text) {
            return None;
        }
        let nanoseconds = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanoseconds.div_euclid(1000)).ok()
    }

    /// Texts that are RFC 3339 times, or nearly.
    fn near_times() -> impl Strategy<Value = String> {
        let time = "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]\
                    (\\.[0-9]{0,12})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])";
        let valid = "(0000|0001|1582|1969|1970|2000|2024|9999)-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\
                     [Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,12})?\
                     ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
        let leap = "(1998|2016|2023|9999)-(06-30|12-31|01-01|02-28|03-31)T(23:59|15:59|22:59|00:59):60\
                    (\\.[0-9]{1,7})?(Z|-08:00|\\+01:00|-00:00)";
        prop_oneof![3 => time, 3 => valid, 2 => leap]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parsing_agrees_with_another_parser(text in near_times()) {
            prop_assert_eq!(parse(text.as_bytes()), expected(&text), "{}", text);
        }

        #[test]
        fn parsing_damaged_text_agrees_with_another_parser(
            text in near_times(),
            index in any::<prop::sample::Index>(),
            length in 0_usize..3,
            other in "[0-9:.TtZz+\\- ٣\n]{0,2}",
        ) {
            let mut damaged: Vec<char> = text.chars().collect();
            let start = index.index(damaged.len());
            damaged.splice(start..(start + length).min(damaged.len()), other.chars());
            let damaged: String = damaged.into_iter().collect();
            prop_assert_eq!(parse(damaged.as_bytes()), expected(&damaged), "{}", damaged);
        }

        #[test]
        fn formatted_times_have_the_same_value(microseconds in MIN..=MAX) {
            let text = format(microseconds).unwrap();
            prop_assert_eq!(parse(text.as_str().as_bytes()), Some(microseconds));
            prop_assert_eq!(expected(text.as_str()), Some(microseconds));
        }
    }

    #[test]
    fn every_day_of_the_range_has_the_same_value() {
        for day in 0..=(MAX - MIN) / (86_400 * SECOND) {
            let microseconds = MIN + day * 86_400 * SECOND;
            let text = format(microseconds).unwrap();
            assert_eq!(parse(text.as_str().as_bytes()), Some(microseconds));
            let instant = OffsetDateTime::from_unix_timestamp(microseconds / SECOND).unwrap();
            assert!(text.as_str().starts_with(&instant.date().to_string()), "{} {instant}", text.as_str());
        }
    }
}
