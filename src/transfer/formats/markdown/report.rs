//! What the import of one file reports, and the fields that it collects.

use serde_json::Value;

use crate::transfer::formats::post_fields::PostFields;
use crate::transfer::printable::quoted;
use crate::transfer::report::Mapping;

/// Collects the fields of one file, how they differ from the file, and which key became which field.
#[derive(Debug, Default)]
pub(super) struct FileReport {
    pub(super) fields: PostFields,
    pub(super) notes: Vec<String>,
    pub(super) mapping: Mapping,
}

impl FileReport {
    /// Counts a key that became a field of another name.
    pub(super) fn count_mapped(&mut self, key: &str, field: &str) {
        if key != field {
            self.mapping.mapped.increment(format!("{} stored in {field}", quoted(key)));
        }
    }

    pub(super) fn add_metadata(&mut self, key: &str, value: Value) {
        self.count_mapped(key, "metadata");
        self.fields.add_metadata(key, value);
    }
}
