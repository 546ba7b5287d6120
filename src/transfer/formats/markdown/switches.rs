//! What a file says about whether its post is public, apart from dates of publication.
//!
//! A value that cannot be read as public makes the post a draft, so that no typing error publishes a hidden post.

use crate::db::Timestamp;
use crate::transfer::formats::markdown::dates::DateParser;
use crate::transfer::formats::markdown::front_matter::FrontMatterValue;
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::{Members, folded};
use crate::transfer::formats::markdown::report::FileReport;
use crate::transfer::formats::markdown::source_path::SourcePath;
use crate::transfer::printable::quoted;

/// The statuses that make a post public. All others make it a draft.
const PUBLIC_STATUSES: &[&str] = &["published", "publish", "public", "live", "online", "posted", "released"];

const NEITHER: &str = "is neither true nor false";
const UNREADABLE: &str = "posts with an unreadable state imported as drafts";
const HIDDEN: &str = "hidden posts imported as drafts";
const PRIVATE: &str = "posts with a private status imported as drafts";

pub(super) struct Switches {
    pub(super) is_draft: bool,
    /// Whether a key other than a readable `draft` or `published` makes the post a draft. It then has no schedule
    /// either.
    pub(super) is_hidden: bool,
    /// Whether the file says that the post is published. It then needs no date.
    pub(super) is_published: bool,
}

impl Switches {
    pub(super) fn read(
        members: &mut Members,
        path: &SourcePath,
        dates: &mut DateParser,
        now: Timestamp,
        report: &mut FileReport,
    ) -> Self {
        let draft = members.take_all(keys::DRAFT, |_, value| value.boolean());
        let published = members.take_all(keys::PUBLISHED, |_, value| value.boolean());
        let has_password = take_password(members, report);
        let is_hidden = note_hiding_values(members, dates, now, report) || has_password;
        Self {
            is_draft: is_hidden || path.is_in_drafts || draft.contains(&true) || published.contains(&false),
            is_hidden,
            is_published: draft.contains(&false) || published.contains(&true),
        }
    }

    /// What becomes of a post without a date that is no draft.
    pub(super) fn undated(&self) -> &'static str {
        if self.is_published {
            "published posts without a date published at the time of the import"
        } else {
            "posts without a date imported as drafts"
        }
    }
}

/// Removes the passwords: metadata is public as soon as the post is. Returns whether there is one.
fn take_password(members: &mut Members, report: &mut FileReport) -> bool {
    let passwords = members.take_all(keys::PASSWORD, |key, value| Some((key.to_owned(), value.clone())));
    let mut is_protected = false;
    for (key, value) in passwords {
        if !value.is_blank() && value.clone().into_json() != false {
            let key = quoted(&key);
            report.notes.push(format!("{key} protects the post; the post becomes a draft without a password"));
            is_protected = true;
        }
    }
    if is_protected {
        report.mapping.unmapped.increment("password-protected posts imported as drafts");
    }
    is_protected
}

/// Reports each value that makes the post a draft, and counts the post for the first. Returns whether there is one.
fn note_hiding_values(members: &Members, dates: &mut DateParser, now: Timestamp, report: &mut FileReport) -> bool {
    let mut reasons = Vec::new();
    for (name, value) in members.iter() {
        if let Some((problem, reason)) = hiding_reason(&folded(name), value, dates, now) {
            let (name, value) = (quoted(name), quoted(&value.to_text()));
            report.notes.push(format!("{name} is {value}, which {problem}; the post becomes a draft"));
            reasons.push(reason);
        }
    }
    if let Some(reason) = reasons.first() {
        report.mapping.unmapped.increment(*reason);
    }
    !reasons.is_empty()
}

/// Why the value of this key makes the post a draft, for its note and for the count of such posts.
fn hiding_reason(
    key: &str,
    value: &FrontMatterValue,
    dates: &mut DateParser,
    now: Timestamp,
) -> Option<(&'static str, &'static str)> {
    let is_one_of = |keys: &[&str]| keys.contains(&key);
    if is_one_of(keys::DRAFT) {
        // `Switches` has taken those that are true or false.
        return Some((NEITHER, UNREADABLE));
    }
    if is_one_of(keys::PUBLISHED) {
        return (!dates.is_date(value)).then_some(("is neither true, nor false, nor a date", UNREADABLE));
    }
    if is_one_of(keys::HIDDEN) || is_one_of(keys::SHOWN) {
        return match value.boolean() {
            Some(is_set) => (is_set == is_one_of(keys::HIDDEN)).then_some(("hides the post", HIDDEN)),
            None => Some((NEITHER, UNREADABLE)),
        };
    }
    if is_one_of(keys::STATUS) {
        return (!has_word(value, PUBLIC_STATUSES)).then_some(("is not a public status", PRIVATE));
    }
    if is_one_of(keys::VISIBILITY) {
        return (!has_word(value, &["public"])).then_some(("is not public", PRIVATE));
    }
    if is_one_of(keys::EXPIRES) && !value.is_blank() {
        return match dates.parse_value(value) {
            Some(at) => (at <= now).then_some(("has passed", "expired posts imported as drafts")),
            None => Some(("is not a date", UNREADABLE)),
        };
    }
    let is_hiding = |part| value.member(part).is_some_and(|value| !has_word(value, &["always", "true"]));
    (is_one_of(keys::BUILD) && ["render", "list"].into_iter().any(is_hiding)).then_some(("hides the post", HIDDEN))
}

/// Whether the value is one of these words, in any case.
fn has_word(value: &FrontMatterValue, words: &[&str]) -> bool {
    value.text().is_some_and(|text| words.contains(&text.trim().to_ascii_lowercase().as_str()))
}
