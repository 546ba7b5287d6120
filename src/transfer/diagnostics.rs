//! Messages about single lines, items, and files of an import.

use crate::transfer::position::Position;
use crate::transfer::printable::Printable;

/// A message about one line, item, or file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", Printable(&position.to_string()), Printable(message))]
pub struct Diagnostic {
    pub position: Position,
    pub message: String,
}

/// A list of diagnostics that counts all of them but stores only the first 100. A file in another format can have an
/// invalid item on every line, so storing all of them would take unbounded memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    first: Vec<Diagnostic>,
    count: u64,
}

impl Diagnostics {
    const MAX_STORED: usize = 100;

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.count += 1;
        if self.first.len() < Self::MAX_STORED {
            self.first.push(diagnostic);
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(Self::MAX_STORED);
    }

    /// The stored diagnostics: the first 100.
    #[must_use]
    pub fn first(&self) -> &[Diagnostic] {
        &self.first
    }

    /// The number of all diagnostics, including those that were not stored.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}
