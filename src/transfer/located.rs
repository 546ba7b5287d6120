//! [`Located`]: a value with its position in the input.

use crate::transfer::diagnostics::Diagnostic;
use crate::transfer::position::Position;
use crate::transfer::report::Report;

/// A value with its position in the input.
pub(crate) struct Located<T> {
    pub(crate) position: Position,
    pub(crate) value: T,
    /// How the value differs from the input.
    pub(crate) notes: Vec<String>,
}

impl<T> Located<T> {
    pub(crate) fn diagnostic(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic { position: self.position.clone(), message: message.into() }
    }

    /// Reports the notes of a stored post.
    pub(crate) fn report_notes(&mut self, slug_note: Option<String>, report: &mut Report) {
        let notes = std::mem::take(&mut self.notes);
        for note in slug_note.into_iter().chain(notes) {
            report.notes.push(self.diagnostic(note));
        }
    }

    pub(crate) fn with_value<U>(self, value: U) -> (Located<U>, T) {
        let Self { position, value: old, notes } = self;
        (Located { position, value, notes }, old)
    }
}
