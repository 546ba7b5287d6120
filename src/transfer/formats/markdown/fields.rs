//! The descriptive fields: description, image, authors, tags, aliases, and metadata.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::posts::labels::LabelKind;
use crate::posts::{image, model};
use crate::transfer::formats::markdown::front_matter::FrontMatterValue;
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::{Members, folded};
use crate::transfer::formats::markdown::report::FileReport;

/// Reads the description: the first that fits.
pub(super) fn read_description(members: &mut Members, report: &mut FileReport) {
    while let Some((key, text)) = members.take(keys::DESCRIPTION, named_text) {
        if report.fields.set_description(&key, &text) {
            report.count_mapped(&key, "description");
            return;
        }
    }
}

/// Reads the image, which must be a URL or an absolute path. A relative path stays metadata: only the site that the file
/// comes from can resolve it.
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
    if let Some((key, alt)) =
        members.take(keys::IMAGE_ALT, |key, value| Some((key.to_owned(), value.text()?.to_owned())))
    {
        report.fields.set_image_alt(&key, &alt);
        report.count_mapped(&key, "image_alt");
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

/// Reads the authors. A name is never split: "Martin Luther King, Jr." is one author.
pub(super) fn read_authors(members: &mut Members, report: &mut FileReport) {
    let found =
        members.take_all(keys::AUTHORS, |key, value| Some((key.to_owned(), author_names(value)?, value.clone())));
    let Some((first, ..)) = found.first() else { return };
    let names: Vec<String> = found.iter().flat_map(|(_, names, _)| names.clone()).collect();
    report.fields.set_labels(LabelKind::Author, first, &names);
    for (key, _, value) in found {
        report.count_mapped(&key, "authors");
        if has_more_than_names(&value) {
            report.add_metadata(&key, value.into_json());
        }
    }
}

/// The names in a string, an object with a name, or a list of both. `None` for another value.
fn author_names(value: &FrontMatterValue) -> Option<Vec<String>> {
    match value {
        FrontMatterValue::List(items) => {
            items.iter().map(author_names).collect::<Option<Vec<_>>>().map(|names| names.concat())
        }
        FrontMatterValue::Object(_) => Some(vec![value.member("name")?.text()?.to_owned()]),
        FrontMatterValue::Scalar { .. } => Some(vec![value.text().unwrap_or_default().to_owned()]),
    }
}

fn has_more_than_names(value: &FrontMatterValue) -> bool {
    match value {
        FrontMatterValue::List(items) => items.iter().any(has_more_than_names),
        FrontMatterValue::Object(members) => members.len() > 1,
        FrontMatterValue::Scalar { .. } => false,
    }
}

/// Reads tags and categories, also those in Zola's `[taxonomies]`.
pub(super) fn read_tags(members: &mut Members, is_of_jekyll: bool, report: &mut FileReport) {
    let read = |key: &str, value: &FrontMatterValue| Some((key.to_owned(), tag_names(key, value, is_of_jekyll)?));
    let mut found = members.take_all(keys::TAGS, read);
    if let Some((key, taxonomies)) = members.take(keys::TAXONOMIES, named_object) {
        let mut taxonomies = Members::new(taxonomies);
        found.extend(taxonomies.take_all(keys::TAGS, read));
        let rest = into_object(taxonomies.into_rest());
        if !rest.is_empty() {
            report.add_metadata(&key, Value::Object(rest));
        }
    }
    let Some((first, _)) = found.first() else { return };
    let names: Vec<String> = found.iter().flat_map(|(_, names)| names.clone()).collect();
    report.fields.set_labels(LabelKind::Tag, first, &names);
    for (key, _) in &found {
        report.count_mapped(key, "tags");
    }
}

/// The names in a list, also a nested one of Hexo, or in a string. `None` for another value.
fn tag_names(key: &str, value: &FrontMatterValue, is_of_jekyll: bool) -> Option<Vec<String>> {
    match value {
        FrontMatterValue::List(items) => {
            let names = items.iter().map(|item| match item {
                FrontMatterValue::Scalar { text, .. } => Some(vec![text.clone()]),
                item => tag_names(key, item, is_of_jekyll),
            });
            names.collect::<Option<Vec<_>>>().map(|names| names.concat())
        }
        FrontMatterValue::Object(_) => None,
        FrontMatterValue::Scalar { text, .. } if !folded(key).ends_with('s') => Some(vec![text.clone()]),
        FrontMatterValue::Scalar { text, .. } if is_of_jekyll && !text.contains(',') => {
            Some(text.split_whitespace().map(str::to_owned).collect())
        }
        FrontMatterValue::Scalar { text, .. } => Some(text.split(',').map(|name| name.trim().to_owned()).collect()),
    }
}

/// Reads the old slugs. Entries that are no slugs, such as paths, become metadata.
pub(super) fn read_aliases(members: &mut Members, report: &mut FileReport) -> Vec<String> {
    let mut aliases = Vec::new();
    let mut seen = HashSet::new();
    for (key, entries) in members.take_all(keys::ALIASES, |key, value| Some((key.to_owned(), scalars(value)?))) {
        let (slugs, others): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| model::slug(entry.clone()).is_ok());
        if !slugs.is_empty() {
            report.count_mapped(&key, "aliases");
        }
        aliases.extend(slugs.into_iter().filter(|slug| seen.insert(slug.clone())));
        if !others.is_empty() {
            report.add_metadata(&key, json!(others));
        }
    }
    aliases
}

/// The scalars of a list, or one scalar.
fn scalars(value: &FrontMatterValue) -> Option<Vec<String>> {
    match value {
        FrontMatterValue::List(items) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
        value => Some(vec![value.text()?.to_owned()]),
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
