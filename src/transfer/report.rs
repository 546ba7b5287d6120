//! The result of an import.

use std::collections::BTreeMap;

use crate::transfer::diagnostics::Diagnostics;

/// What an import stored, skipped, and dropped.
#[derive(Debug, Default)]
pub struct Report {
    /// Posts that were stored.
    pub imported: u64,
    /// API keys that were stored.
    pub keys: u64,
    /// API keys that already existed. In a resumable import, also posts that already existed unchanged.
    pub already_stored: u64,
    /// Invalid items, if the options skip them.
    pub skipped: Diagnostics,
    /// Imported items that differ from the file, such as a post with a generated title.
    pub notes: Diagnostics,
    pub unmapped: Unmapped,
}

/// Counts, by description, of what the import dropped or changed because posts of this service do not have it, such as
/// comments and members-only posts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmapped(BTreeMap<&'static str, u64>);

impl Unmapped {
    pub(crate) fn increment(&mut self, description: &'static str) {
        self.add(description, 1);
    }

    pub(crate) fn add(&mut self, description: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(description).or_default() += count;
        }
    }

    /// Iterates in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(description, count)| (*description, *count))
    }
}
