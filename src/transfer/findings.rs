//! What there is to tell of single lines and items of a file.

/// A line or an item, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{unit} {number}: {says}")]
pub struct Finding {
    /// What the file is made of: `line`, `item` or `post`.
    pub unit: &'static str,
    /// Counted from 1.
    pub number: u64,
    pub says: String,
}

/// Every finding, of which the first hundred are kept: a file that is something else altogether has as many as it has
/// lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    first: Vec<Finding>,
    count: u64,
}

impl Findings {
    const KEPT: usize = 100;

    pub(crate) fn note(&mut self, finding: Finding) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(finding);
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(Self::KEPT);
    }

    /// Those that were kept.
    #[must_use]
    pub fn first(&self) -> &[Finding] {
        &self.first
    }

    /// How many there were in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}
