//! Dates in front matter and in file names.

use jiff::tz::TimeZone;

use crate::db::Timestamp;
use crate::transfer::formats::dates;
use crate::transfer::formats::dates::ParsedTime;
use crate::transfer::formats::markdown::front_matter::FrontMatterValue;

/// Parses dates, and counts those without a zone.
#[derive(Debug)]
pub(super) struct DateParser {
    zone: TimeZone,
    /// The dates so far that name no zone.
    pub(super) without_zone: u64,
}

impl DateParser {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone, without_zone: 0 }
    }

    /// The date of a value. `None` if it is none.
    pub(super) fn parse_value(&mut self, value: &FrontMatterValue) -> Option<Timestamp> {
        self.parse(value.text()?)
    }

    /// Whether a value is a date. Does not count it.
    pub(super) fn is_date(&mut self, value: &FrontMatterValue) -> bool {
        let without_zone = self.without_zone;
        let is_date = self.parse_value(value).is_some();
        self.without_zone = without_zone;
        is_date
    }

    pub(super) fn parse(&mut self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        // As exports write it, in the years from 0000.
        if let Ok(time) = text.parse() {
            return Some(time);
        }
        if let Some(time) = unix_time(text) {
            return Some(time);
        }
        let ParsedTime { at, has_zone } = dates::parse_time(&with_hyphens(text), &self.zone)?;
        self.without_zone += u64::from(!has_zone);
        Timestamp::from_microseconds(at.as_microsecond()).ok()
    }
}

/// Seconds or, with more than 11 digits, milliseconds since 1970. Numbers of 8 digits are dates: 20260131.
fn unix_time(text: &str) -> Option<Timestamp> {
    if !(9..=14).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    Timestamp::from_microseconds(number * if text.len() > 11 { 1_000 } else { 1_000_000 }).ok()
}

/// Hexo writes `2026/1/31 12:00:00`: replaces the slashes of a date that begins with the year, and pads its numbers.
fn with_hyphens(text: &str) -> String {
    let (date, time) = match text.find([' ', 'T']) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = date.split(['/', '-']).filter(is_number).collect();
    // Pads the hour of `9:05`.
    let time = if time.find(':') == Some(2) { time.replacen(' ', " 0", 1) } else { time.to_owned() };
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 && date.len() <= 10 => format!("{year}-{month:0>2}-{day:0>2}{time}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_in(zone: &str, text: &str) -> Option<String> {
        DateParser::new(TimeZone::get(zone).unwrap()).parse(text).map(|time| time.to_string())
    }

    #[test]
    fn dates_of_every_generator_are_parsed() {
        for (text, expected) in [
            ("2022-07-08", "2022-07-08T00:00:00.000000Z"),
            ("2022-07-08T10:00:00Z", "2022-07-08T10:00:00.000000Z"),
            ("2022-07-08T10:00:00.123456Z", "2022-07-08T10:00:00.123456Z"),
            ("2022-07-08 10:00:00 +0200", "2022-07-08T08:00:00.000000Z"),
            ("2022-07-08 10:00:00", "2022-07-08T10:00:00.000000Z"),
            ("2022-07-08 10:00", "2022-07-08T10:00:00.000000Z"),
            ("2022-07-08T10:00:00+02:00[Europe/Berlin]", "2022-07-08T08:00:00.000000Z"),
            ("2022-7-8", "2022-07-08T00:00:00.000000Z"),
            ("2022/7/8 9:46:25", "2022-07-08T09:46:25.000000Z"),
            ("2022/07/08", "2022-07-08T00:00:00.000000Z"),
            ("20220708", "2022-07-08T00:00:00.000000Z"),
            ("1657267200", "2022-07-08T08:00:00.000000Z"),
            ("1657267200000", "2022-07-08T08:00:00.000000Z"),
            ("Jul 08 2022", "2022-07-08T00:00:00.000000Z"),
            ("July 8th, 2022", "2022-07-08T00:00:00.000000Z"),
            ("8 July 2022 10:00", "2022-07-08T10:00:00.000000Z"),
            ("Fri Jul 08 2022 10:00:00 GMT+0200 (Central European Summer Time)", "2022-07-08T08:00:00.000000Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("0000-01-01T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(parse_in("UTC", text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "true", "7/8/2022", "2022-13-01", "2022", "12", "2022-02-30", "123456789012345"] {
            assert_eq!(parse_in("UTC", text), None, "{text}");
        }
    }

    #[test]
    fn dates_without_a_zone_are_in_the_given_one() {
        for (text, expected) in [
            ("2022-07-08", "2022-07-07T22:00:00.000000Z"),
            ("2022-01-08 10:00:00", "2022-01-08T09:00:00.000000Z"),
            ("Jul 08 2022", "2022-07-07T22:00:00.000000Z"),
            ("2022-07-08T10:00:00Z", "2022-07-08T10:00:00.000000Z"),
            ("2022-07-08 10:00:00 +0900", "2022-07-08T01:00:00.000000Z"),
            // The clocks skip this hour.
            ("2022-03-27 02:30:00", "2022-03-27T01:30:00.000000Z"),
        ] {
            assert_eq!(parse_in("Europe/Berlin", text).as_deref(), Some(expected), "{text}");
        }
        let mut parser = DateParser::new(TimeZone::UTC);
        for text in ["2022-07-08", "Jul 08 2022", "2022-07-08T10:00:00Z", "1657267200"] {
            assert!(parser.parse(text).is_some(), "{text}");
        }
        assert_eq!(parser.without_zone, 2);
    }
}
