//! The state and the times of a post: published, scheduled, or a draft.

use serde_json::{Value, json};

use crate::db::Timestamp;
use crate::transfer::formats::markdown::dates::DateParser;
use crate::transfer::formats::markdown::front_matter::FrontMatterValue;
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::{Members, folded};
use crate::transfer::formats::markdown::report::FileReport;
use crate::transfer::formats::markdown::source_path::SourcePath;
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
        let mut switches = Switches::read(members, path, dates, now, report);
        let schedule = take_date(members, keys::SCHEDULED_FOR, dates, report);
        let created_at = take_date(members, keys::CREATED, dates, report);
        let updated_at = take_date(members, keys::UPDATED, dates, report);
        let state = Self { created_at, updated_at, ..Self::default() };
        let (date, delayed) = publication_date(members, dates, now, report);
        if members.has_schedule {
            let published = !switches.is_draft && schedule.is_none();
            return Self { published, published_at: date, scheduled_for: schedule, ..state };
        }
        if date.is_none() && note_invalid_date(members, keys::DATE, report) {
            // The date could be one in the future.
            switches.is_published = false;
        }
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
}

/// What the file says about the state, apart from dates of publication.
struct Switches {
    is_draft: bool,
    /// Whether the file says that the post is published. It then needs no date.
    is_published: bool,
}

impl Switches {
    fn read(
        members: &mut Members,
        path: &SourcePath,
        dates: &mut DateParser,
        now: Timestamp,
        report: &mut FileReport,
    ) -> Self {
        let draft = members.take(keys::DRAFT, |_, value| value.boolean());
        let published = members.take(keys::PUBLISHED, |_, value| value.boolean());
        let reason = private_reason(members, dates, now);
        if let Some(reason) = reason {
            report.mapping.unmapped.increment(reason);
        }
        Self {
            is_draft: draft == Some(true) || published == Some(false) || path.is_in_drafts || reason.is_some(),
            is_published: draft == Some(false) || published == Some(true),
        }
    }

    /// What becomes of a post without a date that is no draft.
    fn undated(&self) -> &'static str {
        if self.is_published {
            "published posts without a date published at the time of the import"
        } else {
            "posts without a date imported as drafts"
        }
    }
}

/// Why the generator does not show the post, apart from the two switches.
fn private_reason(members: &Members, dates: &mut DateParser, now: Timestamp) -> Option<&'static str> {
    let status = members.find(keys::STATUS, |value| Some(value.text()?.trim().to_ascii_lowercase()));
    if status.is_some_and(|status| ["draft", "private", "pending", "unpublished"].contains(&status.as_str())) {
        return Some("posts with a private status imported as drafts");
    }
    let expires = members.find(keys::EXPIRES, |value| Some(value.clone()));
    let is_expired = expires.and_then(|value| dates.parse_value(&value)).is_some_and(|at| at <= now);
    is_expired.then_some("expired posts imported as drafts")
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
    if date.is_none() {
        note_invalid_date(members, keys, report);
    }
    date
}

/// Whether one of these keys has a text that is no date. It goes into the metadata with all other keys, but is worth a
/// note.
fn note_invalid_date(members: &Members, keys: &[&str], report: &mut FileReport) -> bool {
    let is_date = |value: &FrontMatterValue| value.text().filter(|text| !text.trim().is_empty()).map(quoted);
    let text = members.find(keys, is_date);
    report.notes.extend(text.iter().map(|text| format!("{text} is not a date; it becomes metadata")));
    text.is_some()
}
