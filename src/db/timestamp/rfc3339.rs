//! Formats and parses RFC 3339 times, as microseconds since 1970-01-01T00:00:00Z.
//!
//! A page of 40 posts can contain 80 times. For speed, the fixed-width format is therefore written and read without
//! jiff's general printer and parser.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A time in the fixed-width format `2026-01-31T12:00:00.000000Z`.
pub(super) struct Rfc3339Text([u8; 27]);

impl Rfc3339Text {
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
    let time = Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(microseconds)?);
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

/// Parses the format that [`format()`] writes. `None` for any other text, including other RFC 3339 times.
pub(super) fn parse_fixed_width(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let &[c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let &[b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', u1, u2, u3, u4, u5, u6, b'Z'] = time else { return None };
    let year = i16::from(number(c1, c2)?) * 100 + i16::from(number(y1, y2)?);
    let (month, day) = (number(m1, m2)?, number(d1, d2)?);
    let (hour, minute, second) = (number(h1, h2)?, number(i1, i2)?, number(s1, s2)?);
    let micros = i32::from(number(u1, u2)?) * 10_000 + i32::from(number(u3, u4)?) * 100 + i32::from(number(u5, u6)?);
    let time = DateTime::new(year, month, day, hour, minute, second, micros * 1000).ok()?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_microsecond())
}

/// The number that two digits represent.
fn number(tens: u8, ones: u8) -> Option<i8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens < 10 && ones < 10 { i8::try_from(tens * 10 + ones).ok() } else { None }
}

/// Whether the text has the shape of a `date-time` (RFC 3339, section 5.6). jiff also accepts other formats, such as
/// dates without hyphens and time zones in brackets.
pub(super) fn has_shape(text: &str) -> bool {
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
    matches_pattern(time, "0000-00-00T00:00:00")
        && (offset.eq_ignore_ascii_case("Z") || matches_pattern(offset, "+00:00") || matches_pattern(offset, "-00:00"))
}

/// In the pattern, `0` stands for any digit and `T` for either case of the letter.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, expected)| match expected {
            b'0' => byte.is_ascii_digit(),
            b'T' => byte.eq_ignore_ascii_case(&b'T'),
            expected => byte == expected,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    /// 0001-01-01T00:00:00Z to 9999-12-30T22:00:00Z.
    const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_200_000_000;

    proptest! {
        #[test]
        fn fixed_width_format_agrees_with_jiff(microseconds in RANGE) {
            let printer = jiff::fmt::temporal::DateTimePrinter::new().precision(Some(6));
            let text = printer.timestamp_to_string(&jiff::Timestamp::from_microsecond(microseconds).unwrap());
            let formatted = format(microseconds).unwrap();
            prop_assert_eq!(formatted.as_str(), &text[..]);
            prop_assert_eq!(parse_fixed_width(text.as_bytes()), Some(microseconds));
        }

        #[test]
        fn parsing_damaged_text_agrees_with_jiff(
            microseconds in RANGE, index in 0_usize..27, byte in 0x20_u8..0x7f,
        ) {
            let mut text = format(microseconds).unwrap().as_str().as_bytes().to_vec();
            text[index] = byte;
            let text = String::from_utf8(text).unwrap();
            // Text that the fast parser rejects is left to jiff.
            if let Some(parsed) = parse_fixed_width(text.as_bytes()) {
                let expected: jiff::Timestamp = text.parse().unwrap();
                prop_assert_eq!(parsed, expected.as_microsecond());
            }
        }
    }
}
