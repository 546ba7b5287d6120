//! Validation of JSON objects in request bodies and import files. It reports every error with its JSON Pointer.
//!
//! serde would stop at the first error. It also cannot distinguish an absent field from a null one, which a merge patch
//! (RFC 7396) requires. This module does not depend on any resource.

pub(crate) mod json_tree;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An error in a field of the request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The location of the field in the body, as a JSON Pointer (RFC 6901). Empty for the body itself.
    #[schema(example = "/title")]
    pub pointer: String,
    /// The stable name of the error, for programs. Later versions may add codes.
    #[schema(value_type = String, example = "too_long", extensions(("x-extensible-enum" = json!(FIELD_CODES))))]
    pub code: &'static str,
    /// A message for people that states what the value must be.
    #[schema(value_type = String, example = "must be at most 200 characters")]
    pub detail: Cow<'static, str>,
}

/// Every `code` of a [`FieldError`]. `docs/api/errors.md` explains them.
pub const FIELD_CODES: [&str; 14] = [
    "required", "null", "type", "unknown", "empty", "too_long", "too_many", "too_deep", "format", "range", "nul",
    "duplicate", "taken", "not_allowed",
];

/// Why a value is invalid. [`Fields`] adds the pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub code: &'static str,
    pub detail: Cow<'static, str>,
}

impl Invalid {
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The error of the value at this JSON Pointer.
    #[must_use]
    pub fn at(self, pointer: &str) -> FieldError {
        FieldError { pointer: pointer.to_owned(), code: self.code, detail: self.detail }
    }
}

/// A member name as a token of a JSON Pointer: RFC 6901, section 3, requires escaping of "~" and "/".
#[must_use]
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A type that is parsed from the fields of a JSON object.
pub trait Input: Sized {
    /// The maximum number of values in a request body of this type: scalars, arrays, and objects at any depth. It
    /// bounds the memory that a small body can occupy.
    const MAX_VALUES: usize = 20_000;

    /// Removes the fields of this type from `fields` and parses them. Returns `None` if a field is invalid, after
    /// `fields` has recorded the error.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// Parses `value`, whose location in the body is `pointer`.
///
/// # Errors
/// All errors in the value, including unknown fields.
pub fn read<T: Input>(value: Value, pointer: &str) -> Result<T, Vec<FieldError>> {
    let Value::Object(object) = value else {
        return Err(vec![FieldError { pointer: pointer.to_owned(), code: "type", detail: "must be an object".into() }]);
    };
    let mut fields = Fields { pointer: pointer.to_owned(), object, errors: Vec::new() };
    let read = T::read(&mut fields);
    fields.reject_unknown();
    match read {
        Some(value) if fields.errors.is_empty() => Ok(value),
        _ => Err(fields.errors),
    }
}

/// The fields of a JSON object. An [`Input`] removes the fields that it parses. The remaining fields are unknown.
pub struct Fields {
    pointer: String,
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Parses a required field that must not be null.
    pub fn required<V: JsonValue, T>(&mut self, name: &str, parse: impl FnOnce(V) -> Result<T, Invalid>) -> Option<T> {
        if !self.contains(name) {
            self.push_field_error(name, Invalid::new("required", "is required"));
            return None;
        }
        self.optional(name, parse)
    }

    /// Parses a field that may be absent but not null.
    pub fn optional<V: JsonValue, T>(&mut self, name: &str, parse: impl FnOnce(V) -> Result<T, Invalid>) -> Option<T> {
        if let Some(value) = self.nullable(name, parse)? {
            Some(value)
        } else {
            self.push_field_error(name, Invalid::new("null", "must not be null"));
            None
        }
    }

    /// Parses a field that may be absent or null. Returns `None` if it is absent or invalid, and `Some(None)` if it is
    /// null.
    pub fn nullable<V: JsonValue, T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        self.nullable_tree(name, |value| V::from_json(value).and_then(parse).map_err(|invalid| vec![invalid.at("")]))
    }

    /// Like [`Fields::nullable`], for an array or object whose parts are parsed too. The errors have pointers relative
    /// to the field.
    pub fn nullable_tree<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Value) -> Result<T, Vec<FieldError>>,
    ) -> Option<Option<T>> {
        let value = match self.object.shift_remove(name)? {
            Value::Null => return Some(None),
            value => value,
        };
        match parse(value) {
            Ok(parsed) => Some(Some(parsed)),
            Err(errors) => {
                for FieldError { pointer, code, detail } in errors {
                    self.push_error(&format!("/{}{pointer}", pointer_token(name)), Invalid { code, detail });
                }
                None
            }
        }
    }

    /// Whether the object has this field, also as null, and it has not been parsed yet.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Parses a required array of 1 to `max` objects.
    pub fn array<T: Input>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let values = self.required(name, |values: Vec<Value>| match values.len() {
            0 => Err(Invalid::new("empty", "must not be empty")),
            length if length > max => Err(Invalid::new("too_long", format!("must have at most {max} items"))),
            _ => Ok(values),
        })?;
        let length = values.len();
        let mut items = Vec::with_capacity(length);
        for (index, value) in values.into_iter().enumerate() {
            match read(value, &format!("{}/{name}/{index}", self.pointer)) {
                Ok(item) => items.push(item),
                Err(errors) => self.errors.extend(errors),
            }
        }
        if items.len() == length { Some(items) } else { None }
    }

    /// Records an error at a pointer relative to this object.
    pub fn push_error(&mut self, pointer: &str, invalid: Invalid) {
        self.errors.push(invalid.at(&format!("{}{pointer}", self.pointer)));
    }

    fn push_field_error(&mut self, name: &str, invalid: Invalid) {
        self.push_error(&format!("/{}", pointer_token(name)), invalid);
    }

    fn reject_unknown(&mut self) {
        // Bounds the response to a body with very many or very long unknown names.
        const MAX_REPORTED: usize = 20;
        const MAX_NAME: usize = 100;
        for (name, _) in std::mem::take(&mut self.object).into_iter().take(MAX_REPORTED) {
            let name: String = name.chars().take(MAX_NAME).collect();
            self.push_field_error(&name, Invalid::new("unknown", "unknown field"));
        }
    }
}

/// A JSON type that a field can have.
pub trait JsonValue: Sized {
    /// # Errors
    /// The value has another type, or is a string with U+0000, which PostgreSQL cannot store.
    fn from_json(value: Value) -> Result<Self, Invalid>;
}

impl JsonValue for String {
    fn from_json(value: Value) -> Result<Self, Invalid> {
        match value {
            Value::String(text) if text.contains('\0') => Err(Invalid::new("nul", "must not contain U+0000")),
            Value::String(text) => Ok(text),
            _ => Err(Invalid::new("type", "must be a string")),
        }
    }
}

impl JsonValue for Vec<Value> {
    fn from_json(value: Value) -> Result<Self, Invalid> {
        match value {
            Value::Array(values) => Ok(values),
            _ => Err(Invalid::new("type", "must be an array")),
        }
    }
}

impl JsonValue for bool {
    fn from_json(value: Value) -> Result<Self, Invalid> {
        value.as_bool().ok_or(Invalid::new("type", "must be a boolean"))
    }
}

impl JsonValue for i64 {
    fn from_json(value: Value) -> Result<Self, Invalid> {
        value.as_i64().ok_or(Invalid::new("type", "must be an integer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq)]
    struct Example {
        name: String,
        note: Option<Option<i64>>,
    }

    impl Input for Example {
        fn read(fields: &mut Fields) -> Option<Self> {
            let name = fields.required("name", Ok);
            let note = fields.nullable("note", Ok);
            Some(Self { name: name?, note })
        }
    }

    fn error_codes(value: Value) -> Vec<(String, &'static str)> {
        let errors = read::<Example>(value, "/posts/3").unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn absent_null_and_given_fields_are_distinguished() {
        for (value, note) in [
            (json!({"name": "a"}), None),
            (json!({"name": "a", "note": null}), Some(None)),
            (json!({"name": "a", "note": 1}), Some(Some(1))),
        ] {
            assert_eq!(read::<Example>(value, "").unwrap().note, note);
        }
    }

    #[test]
    fn all_errors_are_reported_with_their_pointers() {
        assert_eq!(
            error_codes(json!({"name": 1, "note": "x", "a/b~c": 0})),
            [
                ("/posts/3/name".to_owned(), "type"),
                ("/posts/3/note".to_owned(), "type"),
                ("/posts/3/a~1b~0c".to_owned(), "unknown")
            ]
        );
        assert_eq!(error_codes(json!({})), [("/posts/3/name".to_owned(), "required")]);
        assert_eq!(error_codes(json!({"name": null})), [("/posts/3/name".to_owned(), "null")]);
        assert_eq!(error_codes(json!({"name": "a\0b"})), [("/posts/3/name".to_owned(), "nul")]);
        assert_eq!(error_codes(json!([1])), [("/posts/3".to_owned(), "type")]);
    }
}
