//! The values of front matter.

use serde_json::{Map, Value};

/// A value with its text in the file. A title, tag, or date takes the text: `title: 1.10` is "1.10", not 1.1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FrontMatterValue {
    Scalar {
        /// The text without quotation marks.
        text: String,
        /// Null, a boolean, a number, or a string.
        json: Value,
    },
    List(Vec<Self>),
    /// The members in the order of the file. No name occurs twice.
    Object(Vec<(String, Self)>),
}

impl FrontMatterValue {
    pub(crate) fn string(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Scalar { json: Value::String(text.clone()), text }
    }

    /// A value of JSON, or of another format that has no text for each value.
    pub(crate) fn from_json(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            Value::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
            Value::String(text) => Self::string(text),
            Value::Null => Self::Scalar { text: String::new(), json: Value::Null },
            json => Self::Scalar { text: json.to_string(), json },
        }
    }

    pub(crate) fn into_json(self) -> Value {
        match self {
            Self::Scalar { json, .. } => json,
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_json).collect()),
            Self::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, value.into_json())).collect::<Map<_, _>>())
            }
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar { json: Value::Null, .. })
    }

    /// The text of a scalar other than null.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { json: Value::Null, .. } | Self::List(_) | Self::Object(_) => None,
            Self::Scalar { text, .. } => Some(text),
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.is_null() || self.text().is_some_and(|text| text.trim().is_empty())
    }

    /// The text of a scalar, or the JSON of a list or an object, for messages.
    pub(crate) fn to_text(&self) -> String {
        self.text().map_or_else(|| self.clone().into_json().to_string(), str::to_owned)
    }

    /// The member of an object, by its name in any case.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A boolean, or one of its common spellings: YAML 1.1 and some generators also write `yes` and `"true"`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text()?.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}
