//! What the import of one file reports, and the fields that it collects.

use serde_json::{Map, Value};

use crate::transfer::formats::post_fields::{FittedFields, PostFields};
use crate::transfer::printable::quoted;
use crate::transfer::report::Mapping;

/// Collects the fields of one file, how they differ from the file, and which key became which field.
#[derive(Debug, Default)]
pub(super) struct FileReport {
    pub(super) fields: PostFields,
    pub(super) notes: Vec<String>,
    pub(super) mapping: Mapping,
    /// The keys that become metadata, with their names there.
    in_metadata: Vec<(String, String)>,
}

impl FileReport {
    /// Counts a key that became a field of another name.
    pub(super) fn count_mapped(&mut self, key: &str, field: &str) {
        if key != field {
            self.mapping.mapped.increment(format!("{} stored in {field}", quoted(key)));
        }
    }

    pub(super) fn add_metadata(&mut self, key: &str, value: Value) {
        let name = self.fields.add_metadata(key, value);
        self.in_metadata.push((key.to_owned(), name));
    }

    /// Fits the fields into their limits. Counts the keys whose values are in the metadata then.
    pub(super) fn finish(mut self) -> FittedFields {
        let FittedFields { members, notes, mapping } = std::mem::take(&mut self.fields).fit();
        let metadata = members.get("metadata").and_then(Value::as_object);
        let is_stored = |name: &str| metadata.is_some_and(|metadata: &Map<_, _>| metadata.contains_key(name));
        for (key, name) in std::mem::take(&mut self.in_metadata) {
            if is_stored(&name) {
                self.count_mapped(&key, "metadata");
            }
        }
        self.notes.extend(notes);
        self.mapping.append(mapping);
        FittedFields { members, notes: self.notes, mapping: self.mapping }
    }
}
