//! Dates in the forms in which other publishing systems and their databases write them.
//!
//! - RFC 3339 and SQL, with or without a fraction of a second.
//! - RFC 2822, with its obsolete forms, and the related forms of RFC 850 and C's `asctime`.
//! - Milliseconds since 1970.
//! - The name of the month with day and year: `Jan 31 2026`.
//!
//! A date without a zone is UTC, unless the caller gives another zone.

use jiff::Timestamp as JiffTimestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use crate::db::Timestamp;

/// Parses a date. Returns `None` for an empty text, and for a date that only fills a column without a value, such as
/// `0000-00-00 00:00:00`.
pub(super) fn parse(text: &str) -> Result<Option<Timestamp>, ()> {
    // Shorter numbers are a date without hyphens: 20260131.
    const MIN_MILLISECONDS: usize = 9;
    let text = text.trim();
    if text.is_empty() || has_no_year(text) {
        return Ok(None);
    }
    if text.len() >= MIN_MILLISECONDS && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| ()).and_then(from_milliseconds);
    }
    let time = parse_time(text, &TimeZone::UTC).ok_or(())?;
    from_microseconds(time.at.as_microsecond())
}

/// A parsed date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParsedTime {
    pub(super) at: JiffTimestamp,
    /// Whether the text names a zone. Otherwise, the date is in the zone that the caller gave.
    pub(super) has_zone: bool,
}

/// Parses a date in any form except a number. A date without a zone is in `zone`.
pub(super) fn parse_time(text: &str, zone: &TimeZone) -> Option<ParsedTime> {
    iso_time(text, zone).or_else(|| internet_time(text, zone))
}

pub(super) fn from_milliseconds(milliseconds: f64) -> Result<Option<Timestamp>, ()> {
    // Beyond the range of `Timestamp`, and exact as a floating-point number.
    const MAX: f64 = 1e15;
    if milliseconds.abs() > MAX || milliseconds.is_nan() {
        return Err(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the number is in range")]
    from_microseconds((milliseconds * 1000.0) as i64)
}

fn from_microseconds(microseconds: i64) -> Result<Option<Timestamp>, ()> {
    // What PHP makes of 0000-00-00: 1970-01-01T00:00:00Z, and 1999-11-30T00:00:00Z, the day before the first of the
    // month 0 of the year 2000.
    const FILLERS: [i64; 2] = [0, 943_920_000_000_000];
    if FILLERS.contains(&microseconds) {
        return Ok(None);
    }
    Timestamp::from_microseconds(microseconds).map(Some).map_err(|_| ())
}

/// Whether the year is 0 or negative. WordPress stores `0000-00-00 00:00:00` for "no date", and PHP prints it as
/// `-0001-11-30` or `Wed, 30 Nov -0001`.
fn has_no_year(text: &str) -> bool {
    text.split_ascii_whitespace().any(|word| {
        let unsigned = word.trim_start_matches('-');
        let rest = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = unsigned.strip_suffix(rest).unwrap_or_default();
        let is_year = digits.len() >= 4 && (rest.is_empty() || rest.starts_with('-'));
        // A negative number by itself can also be the offset of a zone. "-0000" after a time is UTC (RFC 2822, section
        // 3.3).
        let is_utc = word == "-0000" && text.trim_end().ends_with(word) && text.contains(':');
        let is_negative = unsigned.len() < word.len() && (!rest.is_empty() || digits.starts_with("00")) && !is_utc;
        let is_zero = unsigned.len() == word.len() && digits.bytes().all(|digit| digit == b'0');
        is_year && (is_negative || is_zero)
    })
}

/// `2026-01-31T12:00:00Z`, `2026-01-31 12:00:00.123`, `2026-01-31 12:00:00 +0100`.
fn iso_time(text: &str, zone: &TimeZone) -> Option<ParsedTime> {
    let joined = match text.rsplit_once(' ') {
        Some((time, "UTC" | "GMT" | "Z")) => format!("{time}Z"),
        Some((time, offset)) if offset.starts_with(['+', '-']) => format!("{time}{offset}"),
        _ => text.to_owned(),
    };
    if let Ok(at) = joined.parse::<JiffTimestamp>() {
        return Some(ParsedTime { at, has_zone: true });
    }
    local_time(joined.parse().ok()?, zone)
}

fn local_time(time: DateTime, zone: &TimeZone) -> Option<ParsedTime> {
    let at = zone.to_timestamp(time).ok()?;
    Some(ParsedTime { at, has_zone: false })
}

/// `Sat, 31 Jan 2026 12:00:00 +0100`, `Saturday, 31-Jan-26 12:00:00 GMT`, `Sat Jan 31 12:00:00 2026`, `January 31st,
/// 2026`.
///
/// Finds the parts of the date in any order, and passes them to the parser in the order of RFC 2822. The day of the
/// week is ignored, because some programs write a wrong one.
fn internet_time(text: &str, zone: &TimeZone) -> Option<ParsedTime> {
    let without_comment = text.split('(').next().unwrap_or_default();
    let (mut numbers, mut month, mut time, mut offset) = (Vec::new(), None, None, None);
    for word in without_comment.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()) {
        if word.contains(':') && time.is_none() {
            time = Some(word);
        } else if time.is_some() && (word.starts_with(['+', '-']) || month.is_some() && is_zone(word)) {
            offset = Some(word);
        } else {
            for part in word.split('-') {
                if part.starts_with(|c: char| c.is_ascii_digit()) {
                    numbers.push(part);
                } else {
                    month = month.or_else(|| month_name(part));
                }
            }
        }
    }
    let [day, year] = numbers.as_slice() else { return None };
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let time = time.unwrap_or("00:00");
    // Pads the hour of `9:05`.
    let time = if time.find(':') == Some(1) { format!("0{time}") } else { time.to_owned() };
    let ordered = format!("{day} {} {year} {time} {}", month?, offset.map_or("+0000".to_owned(), zone_offset));
    let at = rfc2822::DateTimeParser::new().parse_timestamp(&ordered).ok()?;
    if offset.is_some() {
        return Some(ParsedTime { at, has_zone: true });
    }
    local_time(TimeZone::UTC.to_datetime(at), zone)
}

fn is_zone(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The name in RFC 2822, from a name in full or cut.
fn month_name(word: &str) -> Option<&str> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = word.get(..3)?;
    MONTHS.iter().any(|month| name.eq_ignore_ascii_case(month)).then_some(name)
}

/// The offset of a zone. RFC 2822 defines the names of the zones of North America and takes any other as UTC. This adds
/// the common names that denote only one zone.
fn zone_offset(zone: &str) -> String {
    // `+01:00`, and `GMT+0100` as JavaScript prints it.
    let zone =
        zone.strip_prefix("GMT").or_else(|| zone.strip_prefix("UTC")).filter(|rest| !rest.is_empty()).unwrap_or(zone);
    let offset = match zone.to_ascii_uppercase().as_str() {
        "WEST" | "BST" | "CET" | "MET" => "+0100",
        "CEST" | "MEST" | "EET" => "+0200",
        "EEST" | "MSK" => "+0300",
        "JST" | "KST" => "+0900",
        "AEST" => "+1000",
        "AEDT" => "+1100",
        "NZST" => "+1200",
        "NZDT" => "+1300",
        "AKST" => "-0900",
        "AKDT" => "-0800",
        "HST" => "-1000",
        _ => return zone.replace(':', ""),
    };
    offset.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_parsed_in_every_form() {
        for (text, expected) in [
            ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02T03:04:05.000Z", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02T05:04:05.678901234+02:00", "2020-01-02T03:04:05.678901Z"),
            ("2020-01-02T05:04:05+0200", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 03:04:05", "2020-01-02T03:04:05.000000Z"),
            (" 2020-01-02 03:04:05.678\n", "2020-01-02T03:04:05.678000Z"),
            ("2020-01-02T03:04:05", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 05:04:05 +0200", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 05:04:05+02", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 03:04:05 UTC", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 03:04", "2020-01-02T03:04:00.000000Z"),
            ("2020-01-02", "2020-01-02T00:00:00.000000Z"),
            ("1577934245000", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 Jan 2020 03:04:05 +0000", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 Jan 2020 03:04:05 -0000", "2020-01-02T03:04:05.000000Z"),
            ("2020-01-02 03:04:05 -0000", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 2 Jan 2020 5:04:05 +0200", "2020-01-02T03:04:05.000000Z"),
            ("Mon, 02 Jan 2020 03:04 GMT", "2020-01-02T03:04:00.000000Z"),
            ("02 Jan 20 03:04:05 UT", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 Jan 2020 03:04:05", "2020-01-02T03:04:05.000000Z"),
            ("Thursday, 02-Jan-20 03:04:05 UTC", "2020-01-02T03:04:05.000000Z"),
            ("Thu Jan  2 03:04:05 2020", "2020-01-02T03:04:05.000000Z"),
            ("Thu Jan 02 2020 05:04:05 GMT+0200 (Eastern European Time)", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 January 2020 03:04:05 Z", "2020-01-02T03:04:05.000000Z"),
            ("Wed, 01 Jan 2020 22:04:05 EST", "2020-01-02T03:04:05.000000Z"),
            ("Wed, 01 Jan 2020 20:04:05 PDT", "2020-01-02T03:04:05.000000Z"),
            ("Wed, 01 Jan 2020 22:04:05 -0500", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 Jan 2020 04:04:05 CET", "2020-01-02T03:04:05.000000Z"),
            ("Thu, 02 Jan 2020 05:04:05 +02:00", "2020-01-02T03:04:05.000000Z"),
            ("1999-11-30 00:00:01", "1999-11-30T00:00:01.000000Z"),
            ("1969-12-31 23:59:59", "1969-12-31T23:59:59.000000Z"),
            ("0001-01-01 00:00:00", "0001-01-01T00:00:00.000000Z"),
        ] {
            let parsed = parse(text).ok().flatten().map(|time| time.to_string());
            assert_eq!(parsed.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn names_of_months_need_no_time() {
        for text in ["2 Jan 2020", "Jan 02 2020", "January 2nd, 2020", "Thu, Jan 2, 2020"] {
            let parsed = parse(text).ok().flatten().map(|time| time.to_string());
            assert_eq!(parsed.as_deref(), Some("2020-01-02T00:00:00.000000Z"), "{text}");
        }
    }

    #[test]
    fn fillers_are_no_date_and_other_text_is_an_error() {
        for text in [
            "", " \n", "0000-00-00 00:00:00", "0000-00-00", "-0001-11-30 00:00:00", "-0001-11-30T00:00:00+00:00",
            "-000001-11-30T00:00:00.000Z", "Wed, 30 Nov -0001 00:00:00 +0000", "Mon, 30 Nov 0000 00:00:00 +0000",
            "1970-01-01 00:00:00", "Thu, 01 Jan 1970 00:00:00 +0000", "1999-11-30 00:00:00",
            "Tue, 30 Nov 1999 00:00:00 +0000", "000000000000",
        ] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        for text in [
            "yesterday", "2020-13-01 00:00:00", "2020-02-30", "Thu, 32 Jan 2020 03:04:05 +0000", "2020", "12:00",
            "99999999999999999999", "+10000-01-01T00:00:00Z", "9999-12-31 23:59:59", "Jan 2020 03:04:05", "-", "1e999",
            "2020-01-02 25:00:00", "Jan 2020", "32 Jan 2020", "é, 2 2020", "2th Foo 2020",
        ] {
            assert_eq!(parse(text), Err(()), "{text}");
        }
    }
}
