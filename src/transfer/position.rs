//! Where an item is in the input of an import.

use std::fmt;

/// The position of an item, as messages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// `line 3`, `item 3`, or `post 3`, counted from 1.
    Numbered { unit: &'static str, number: u64 },
    /// The path of a file with one post.
    File(String),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered { unit, number } => write!(f, "{unit} {number}"),
            Self::File(path) => f.write_str(path),
        }
    }
}
