//! The state and the times of a post: published, scheduled, or a draft.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::transfer::formats::markdown::dates::DateParser;
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::{Members, folded};
use crate::transfer::formats::markdown::report::FileReport;
use crate::transfer::formats::markdown::source_path::SourcePath;
use crate::transfer::formats::markdown::switches::Switches;
use crate::transfer::printable::quoted;

/// The state with its times, as members of the post's JSON object.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PostState {
    pub(super) published: bool,
    pub(super) published_at: Option<Timestamp>,
    pub(super) scheduled_for: Option<Timestamp>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
}

/// A date of the file.
struct FileDate {
    key: String,
    value: Value,
    at: Timestamp,
}

impl PostState {
    pub(super) fn into_members(self) -> Vec<(&'static str, Value)> {
        let Self { published, published_at, scheduled_for, created_at, updated_at } = self;
        vec![
            ("published", json!(published)),
            ("published_at", json!(published_at)),
            ("scheduled_for", json!(scheduled_for)),
            ("created_at", json!(created_at)),
            ("updated_at", json!(updated_at)),
        ]
    }

    /// Reads the state at the time `now`. Adds the dates that have no field to the metadata.
    pub(super) fn read(
        members: &mut Members,
        path: &SourcePath,
        dates: &mut DateParser,
        now: Timestamp,
        report: &mut FileReport,
    ) -> Self {
        let has_stored_times = members.has_stored_times();
        let state = Self::read_unordered(members, path, dates, now, report);
        if has_stored_times { state } else { state.with_ordered_times(now) }
    }

    fn read_unordered(
        members: &mut Members,
        path: &SourcePath,
        dates: &mut DateParser,
        now: Timestamp,
        report: &mut FileReport,
    ) -> Self {
        let mut switches = Switches::read(members, path, dates, now, report);
        let mut schedule = None;
        if !switches.is_hidden {
            schedule = members.take(keys::SCHEDULED_FOR, |_, value| dates.parse_value(value));
        }
        let has_invalid_schedule = note_invalid_dates(members, keys::SCHEDULED_FOR, dates, report);
        let created_at = take_date(members, keys::CREATED, dates, report);
        let updated_at = take_date(members, keys::UPDATED, dates, report);
        let state = Self { created_at, updated_at, ..Self::default() };
        let (date, delayed) = publication_date(members, dates, now, report);
        let is_undated = note_invalid_dates(members, keys::DATE, dates, report) && date.is_none();
        if members.has_schedule {
            let is_draft = switches.is_draft || has_invalid_schedule || is_undated;
            let published = !is_draft && schedule.is_none();
            return Self { published, published_at: date, scheduled_for: schedule, ..state };
        }
        // The invalid date could be one in the future.
        switches.is_published &= !is_undated;
        let date = date.or_else(|| dates.parse(path.date.as_deref()?));
        let delayed = delayed.or(date.filter(|date| *date > now));
        if switches.is_draft {
            return Self { created_at: created_at.or(date), updated_at: updated_at.or(date), ..state };
        }
        if let Some(at) = delayed {
            report.notes.push(format!("the date {at} is in the future; the post is scheduled"));
            return Self { scheduled_for: Some(at), ..state };
        }
        if date.is_none() {
            report.mapping.unmapped.increment(switches.undated());
        }
        let published = date.is_some() || switches.is_published;
        Self { published, published_at: date, updated_at: updated_at.or(date), ..state }
    }

    /// Generators also have a modification before the creation, such as that of the file. Delays it to the creation,
    /// whose time defaults to it.
    fn with_ordered_times(mut self, now: Timestamp) -> Self {
        let Some(updated_at) = self.updated_at else { return self };
        match self.created_at.or(self.published_at) {
            Some(created_at) => self.updated_at = Some(updated_at.max(created_at)),
            None => self.created_at = Some(updated_at.min(now)),
        }
        self
    }
}

/// The date of publication, and a later one until which the post is not public.
fn publication_date(
    members: &mut Members,
    dates: &mut DateParser,
    now: Timestamp,
    report: &mut FileReport,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let found = members.take_all(keys::DATE, |key, value| {
        let at = dates.parse_value(value)?;
        Some(FileDate { key: key.to_owned(), value: value.clone().into_json(), at })
    });
    let is_delay = |date: &FileDate| date.at > now && keys::PUBLISH_DATE.contains(&folded(&date.key).as_str());
    let delayed = found.iter().filter(|date| is_delay(date)).map(|date| date.at).max();
    let mut found = found.into_iter();
    let date = found.next().map(|date| {
        report.count_mapped(&date.key, "published_at");
        date.at
    });
    for FileDate { key, value, .. } in found {
        report.add_metadata(&key, value);
    }
    (date, delayed)
}

fn take_date(
    members: &mut Members,
    keys: &[&str],
    dates: &mut DateParser,
    report: &mut FileReport,
) -> Option<Timestamp> {
    let date = members.take(keys, |_, value| dates.parse_value(value));
    note_invalid_dates(members, keys, dates, report);
    date
}

/// Reports the values of these keys that are no dates, and returns whether there is one. They go into the metadata with
/// all other keys.
fn note_invalid_dates(members: &Members, keys: &[&str], dates: &mut DateParser, report: &mut FileReport) -> bool {
    let mut has_invalid = false;
    for (name, value) in members.iter() {
        let key = folded(name);
        // `Switches` reports these.
        let is_switch = keys::PUBLISHED.contains(&key.as_str());
        if !keys.contains(&key.as_str()) || is_switch || value.is_blank() || dates.is_date(value) {
            continue;
        }
        report.notes.push(format!("{} is not a date; it becomes metadata", quoted(&value.to_text())));
        has_invalid = true;
    }
    has_invalid
}
