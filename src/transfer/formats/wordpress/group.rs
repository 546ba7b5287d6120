//! An element whose values are in elements of its own, such as `<wp:postmeta>` with its key and value.

use std::collections::BTreeMap;

use quick_xml::events::BytesStart;

use crate::transfer::formats::wordpress::field_text::FieldText;
use crate::transfer::formats::wordpress::names::Namespaces;

/// The kinds of groups, and the elements that the import reads in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupKind {
    Author,
    PostMeta,
}

impl GroupKind {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Author => {
                &["wp:author_login", "wp:author_display_name", "wp:author_first_name", "wp:author_last_name"]
            }
            Self::PostMeta => &["wp:meta_key", "wp:meta_value"],
        }
    }
}

/// The values of a group. If an element is repeated, the first one counts.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: GroupKind,
    values: BTreeMap<&'static str, FieldText>,
}

impl Group {
    pub(super) fn new(kind: GroupKind) -> Self {
        Self { kind, values: BTreeMap::new() }
    }

    /// The field that an element of the group is read into.
    pub(super) fn field_name(&self, element: &BytesStart<'_>, namespaces: &Namespaces) -> Option<&'static str> {
        let name = namespaces.usual_name(element);
        self.kind.fields().iter().find(|field| **field == name).copied()
    }

    pub(super) fn add(&mut self, name: &'static str, text: FieldText) {
        self.values.entry(name).or_insert(text);
    }

    /// The text of a field without whitespace around it. Empty if the group has no such field.
    pub(super) fn word(&self, name: &str) -> &str {
        self.values.get(name).map_or("", FieldText::word)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<FieldText> {
        self.values.remove(name)
    }
}
