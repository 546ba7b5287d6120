//! The result of an import.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::transfer::diagnostics::Diagnostics;

/// What an import stored, skipped, and dropped.
#[derive(Debug, Default)]
pub struct Report {
    /// New posts that were stored.
    pub imported: u64,
    /// Stored posts that an import with `replace` changed.
    pub replaced: u64,
    /// Stored posts that an import with `replace` left as they were, because they equal the input.
    pub unchanged: u64,
    /// Aliases that an import with `replace` added to the stored posts that are in the input.
    pub aliases_added: u64,
    /// Aliases that an import with `replace` removed: the oldest ones of posts with too many, and the slugs of drafts
    /// that it published.
    pub aliases_removed: u64,
    /// API keys that were stored.
    pub keys: u64,
    /// API keys that already existed, and the posts of a resumable import or of another system that did.
    pub already_stored: u64,
    /// Invalid items, if the options skip them.
    pub skipped: Diagnostics,
    /// Imported items that differ from the file, such as a post with a generated title.
    pub notes: Diagnostics,
    pub mapping: Mapping,
}

impl Report {
    /// The posts that are stored as the input has them.
    pub(crate) fn processed(&self) -> u64 {
        self.imported + self.replaced + self.unchanged + self.already_stored
    }

    pub(crate) fn append(&mut self, other: Self) {
        let Self {
            imported,
            replaced,
            unchanged,
            aliases_added,
            aliases_removed,
            keys,
            already_stored,
            skipped,
            notes,
            mapping,
        } = other;
        self.imported += imported;
        self.replaced += replaced;
        self.unchanged += unchanged;
        self.aliases_added += aliases_added;
        self.aliases_removed += aliases_removed;
        self.keys += keys;
        self.already_stored += already_stored;
        self.skipped.append(skipped);
        self.notes.append(notes);
        self.mapping.append(mapping);
    }
}

/// What became of the parts of the file that are not fields of a post in this service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Stored in a field, such as categories in `tags`.
    pub mapped: Counts,
    /// Dropped or changed, because posts of this service do not have it, such as comments and members-only posts.
    pub unmapped: Counts,
}

impl Mapping {
    pub(crate) fn append(&mut self, other: Self) {
        self.mapped.append(other.mapped);
        self.unmapped.append(other.unmapped);
    }
}

/// Counts by description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Cow<'static, str>, u64>);

impl Counts {
    /// The maximum number of descriptions, which can contain names from the file. Bounds the memory and the report.
    const MAX: usize = 200;
    const OTHERS: &str = "others, which are too many to list";

    pub(crate) fn increment(&mut self, description: impl Into<Cow<'static, str>>) {
        self.add(description, 1);
    }

    pub(crate) fn add(&mut self, description: impl Into<Cow<'static, str>>, count: u64) {
        let mut description = description.into();
        if count == 0 {
            return;
        }
        if self.0.len() >= Self::MAX && !self.0.contains_key(&description) {
            description = Self::OTHERS.into();
        }
        *self.0.entry(description).or_default() += count;
    }

    pub(crate) fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|(description, count)| self.add(description, count));
    }

    /// Iterates in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(description, count)| (&**description, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_descriptions_are_counted_together() {
        let mut counts = Counts::default();
        (0..1000).for_each(|number| counts.increment(format!("field {number:04}")));
        counts.add("field 0007", 2);
        counts.add("nothing", 0);
        let counts: Vec<(&str, u64)> = counts.iter().collect();
        assert_eq!(counts.len(), Counts::MAX + 1);
        assert_eq!(counts.get(7), Some(&("field 0007", 3)));
        assert_eq!(counts.last(), Some(&(Counts::OTHERS, 800)));
    }
}
