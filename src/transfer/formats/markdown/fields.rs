//! The descriptive fields: description, image, authors, tags, aliases, and metadata.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::posts::labels::LabelKind;
use crate::posts::{image, validate};
use crate::transfer::formats::markdown::front_matter::FrontMatterValue;
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::{Members, folded};
use crate::transfer::formats::markdown::report::FileReport;
use crate::transfer::printable::quoted;

/// Reads the description: the first that fits.
pub(super) fn read_description(members: &mut Members, report: &mut FileReport) {
    while let Some((key, text)) = members.take(keys::DESCRIPTION, named_text) {
        if report.fields.set_description(&key, &text) {
            report.count_mapped(&key, "description");
            return;
        }
    }
}

/// Reads the image, which must be a URL or an absolute path. A relative path stays metadata: only the site that the
/// file comes from can resolve it. An image over its limit becomes metadata and is reported.
pub(super) fn read_image(members: &mut Members, report: &mut FileReport) {
    let found = members.take(keys::IMAGE, |key, value| {
        let url = image_url(value).filter(|url| image::location((*url).to_owned()).is_ok())?;
        let alt = value.member("alt").and_then(FrontMatterValue::text).map(str::to_owned);
        Some((key.to_owned(), url.to_owned(), alt, value.clone()))
    });
    if let Some((key, url, alt, value)) = found {
        report.fields.set_image(&key, &url);
        report.count_mapped(&key, "image");
        if let Some(alt) = alt {
            report.fields.set_image_alt(&key, &alt);
        }
        let is_used = |name: &str| ["url", "src", "image", "path", "alt"].contains(&name.to_ascii_lowercase().as_str());
        if matches!(&value, FrontMatterValue::Object(members) if members.iter().any(|(name, _)| !is_used(name))) {
            report.add_metadata(&key, value.into_json());
        }
    }
    if let Some((key, alt)) = members.take(keys::IMAGE_ALT, named_text)
        && report.fields.set_image_alt(&key, &alt)
    {
        report.count_mapped(&key, "image_alt");
    }
    let too_long = members.take_all(keys::IMAGE, |key, value| {
        let invalid = image::location(image_url(value)?.to_owned()).err()?;
        (invalid.code == "too_long").then(|| (key.to_owned(), value.clone(), invalid.detail))
    });
    for (key, value, problem) in too_long {
        report.fields.keep_invalid("image", &key, value.into_json(), &problem);
    }
    let is_relative = |url: &&str| image::location((*url).to_owned()).is_err();
    if members.find(keys::IMAGE, |value| image_url(value).filter(is_relative).map(drop)).is_some() {
        report.mapping.unmapped.increment("images that are neither URLs nor absolute paths stored in metadata");
    }
}

/// A string, or the URL in an object.
fn image_url(value: &FrontMatterValue) -> Option<&str> {
    let member = ["url", "src", "image", "path"].into_iter().find_map(|name| value.member(name)?.text());
    value.text().or(member).map(str::trim).filter(|url| !url.is_empty())
}

/// The names of tags or authors in a value.
#[derive(Debug, Default)]
struct LabelNames {
    names: Vec<String>,
    /// Whether the value has items without a name.
    has_others: bool,
    /// Whether an object has members besides its name.
    has_details: bool,
}

impl LabelNames {
    /// The names in a scalar, an object with a name, or a list of both, also a nested one of Hexo. `split` divides a
    /// scalar that is no item of a list.
    fn of(value: &FrontMatterValue, split: &dyn Fn(&str) -> Vec<String>) -> Self {
        let one = |text: &str| vec![text.to_owned()];
        match value {
            value if value.is_null() => Self::default(),
            FrontMatterValue::List(items) => {
                items.iter().map(|item| Self::of(item, &one)).fold(Self::default(), Self::join)
            }
            FrontMatterValue::Object(members) => match value.member("name").and_then(FrontMatterValue::text) {
                Some(name) => Self { names: one(name), has_details: members.len() > 1, ..Self::default() },
                None => Self { has_others: true, ..Self::default() },
            },
            FrontMatterValue::Scalar { text, .. } => Self { names: split(text), ..Self::default() },
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.has_others |= other.has_others;
        self.has_details |= other.has_details;
        self
    }
}

/// Sets the tags or the authors to the names in the values of these keys. A value that has more than names also becomes
/// metadata as a whole.
fn set_names(
    kind: LabelKind,
    field: &str,
    found: Vec<(String, LabelNames, FrontMatterValue)>,
    report: &mut FileReport,
) {
    let Some((first, ..)) = found.first() else { return };
    let names: Vec<String> = found.iter().flat_map(|(_, names, _)| names.names.clone()).collect();
    report.fields.set_labels(kind, first, &names);
    for (key, names, value) in found {
        if !names.names.is_empty() {
            report.count_mapped(&key, field);
        }
        if names.has_others {
            let problem = "has items without a name; the whole value becomes metadata";
            report.notes.push(format!("/{field}: {} {problem}", quoted(&key)));
        }
        if names.has_others || names.has_details {
            report.add_metadata(&key, value.into_json());
        }
    }
}

/// Reads the authors. A name is never split: "Martin Luther King, Jr." is one author.
pub(super) fn read_authors(members: &mut Members, report: &mut FileReport) {
    let found = members.take_all(keys::AUTHORS, |key, value| {
        Some((key.to_owned(), LabelNames::of(value, &|text| vec![text.to_owned()]), value.clone()))
    });
    set_names(LabelKind::Author, "authors", found, report);
}

/// Reads tags and categories, also those in Zola's `[taxonomies]`.
pub(super) fn read_tags(members: &mut Members, is_of_jekyll: bool, report: &mut FileReport) {
    let read = |key: &str, value: &FrontMatterValue| {
        Some((key.to_owned(), LabelNames::of(value, &|text| split_tags(key, text, is_of_jekyll)), value.clone()))
    };
    let mut found = members.take_all(keys::TAGS, read);
    if let Some((key, taxonomies)) = members.take(keys::TAXONOMIES, named_object) {
        let mut taxonomies = Members::new(taxonomies);
        found.extend(taxonomies.take_all(keys::TAGS, read));
        let rest = into_object(taxonomies.into_rest());
        if !rest.is_empty() {
            report.add_metadata(&key, Value::Object(rest));
        }
    }
    set_names(LabelKind::Tag, "tags", found, report);
}

/// The tags in a string.
fn split_tags(key: &str, text: &str, is_of_jekyll: bool) -> Vec<String> {
    if !folded(key).ends_with('s') {
        return vec![text.to_owned()];
    }
    if is_of_jekyll && !text.contains(',') {
        return text.split_whitespace().map(str::to_owned).collect();
    }
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

/// Reads the old slugs. Entries that are no slugs, such as paths, become metadata.
pub(super) fn read_aliases(members: &mut Members, report: &mut FileReport) -> Vec<String> {
    let mut aliases = Vec::new();
    let mut seen = HashSet::new();
    for (key, entries) in members.take_all(keys::ALIASES, |key, value| Some((key.to_owned(), entries(value)?))) {
        let slug = |entry: &FrontMatterValue| entry.text().and_then(|text| validate::slug(text.to_owned()).ok());
        let (slugs, others): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| slug(entry).is_some());
        if !slugs.is_empty() {
            report.count_mapped(&key, "aliases");
        }
        aliases.extend(slugs.iter().filter_map(slug).filter(|slug| seen.insert(slug.clone())));
        if !others.is_empty() {
            report.add_metadata(&key, others.into_iter().map(into_alias_json).collect());
        }
    }
    aliases
}

/// The items of a list other than null, or one scalar.
fn entries(value: &FrontMatterValue) -> Option<Vec<FrontMatterValue>> {
    match value {
        FrontMatterValue::List(items) => Some(items.iter().filter(|item| !item.is_null()).cloned().collect()),
        FrontMatterValue::Object(_) => None,
        value @ FrontMatterValue::Scalar { .. } => Some(vec![value.clone()]),
    }
}

/// An entry for the metadata: the text of a scalar.
fn into_alias_json(entry: FrontMatterValue) -> Value {
    match entry {
        FrontMatterValue::Scalar { text, .. } => text.into(),
        entry => entry.into_json(),
    }
}

/// Adds `metadata` as it is, which takes the names of its members, and then all other keys.
pub(super) fn read_metadata(mut members: Members, report: &mut FileReport) {
    if let Some((_, metadata)) = members.take(keys::METADATA, named_object) {
        for (name, value) in metadata {
            report.fields.add_metadata(&name, value.into_json());
        }
    }
    for (name, value) in members.into_rest() {
        report.add_metadata(&name, value.into_json());
    }
}

fn named_text(key: &str, value: &FrontMatterValue) -> Option<(String, String)> {
    Some((key.to_owned(), value.text()?.to_owned()))
}

fn named_object(key: &str, value: &FrontMatterValue) -> Option<(String, Vec<(String, FrontMatterValue)>)> {
    let FrontMatterValue::Object(members) = value else { return None };
    Some((key.to_owned(), members.clone()))
}

fn into_object(members: Vec<(String, FrontMatterValue)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name, value.into_json())).collect()
}
