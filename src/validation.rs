//! Reading a JSON object that a stranger wrote: every field checked, every mistake told with its JSON Pointer.
//!
//! serde would stop at the first mistake and could not tell an absent field from a null one, which a merge patch needs.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One mistake in a request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where in the body, as a JSON Pointer (RFC 6901); empty for the body itself.
    #[schema(example = "/title")]
    pub pointer: String,
    /// What kind of mistake, for programs; it does not change.
    #[schema(value_type = String, example = "too_long")]
    pub code: &'static str,
    /// What to do about it, for people.
    #[schema(value_type = String, example = "must be at most 200 characters long")]
    pub detail: Cow<'static, str>,
}

/// Why a value is refused; the reader adds where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub code: &'static str,
    pub detail: Cow<'static, str>,
}

impl Invalid {
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// A type that is read from a JSON object.
pub trait Input: Sized {
    /// Takes its fields out of `fields`; `None` where one was wrong, which `fields` has noted.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// Reads `value`, which stands at `pointer` in the body.
///
/// # Errors
/// Every mistake found, fields that nobody asked for included.
pub fn read<T: Input>(value: Value, pointer: &str) -> Result<T, Vec<FieldError>> {
    let Value::Object(object) = value else {
        return Err(vec![FieldError {
            pointer: pointer.to_owned(),
            code: "type",
            detail: "must be a JSON object".into(),
        }]);
    };
    let mut fields = Fields { pointer: pointer.to_owned(), object, errors: Vec::new() };
    let read = T::read(&mut fields);
    fields.reject_unknown();
    match read {
        Some(value) if fields.errors.is_empty() => Ok(value),
        _ => Err(fields.errors),
    }
}

/// The fields of one JSON object, taken out one by one.
pub struct Fields {
    pointer: String,
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// A field that must be there.
    pub fn required<V: JsonValue, T>(&mut self, name: &str, parse: impl FnOnce(V) -> Result<T, Invalid>) -> Option<T> {
        if !self.object.contains_key(name) {
            self.push_field_error(name, Invalid::new("required", "is required"));
            return None;
        }
        self.optional(name, parse)
    }

    /// A field that may be absent but not null.
    pub fn optional<V: JsonValue, T>(&mut self, name: &str, parse: impl FnOnce(V) -> Result<T, Invalid>) -> Option<T> {
        if let Some(value) = self.nullable(name, parse)? {
            Some(value)
        } else {
            self.push_field_error(name, Invalid::new("null", "must not be null"));
            None
        }
    }

    /// A field that may be absent (`None`) or null (`Some(None)`).
    pub fn nullable<V: JsonValue, T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        let value = match self.object.remove(name)? {
            Value::Null => return Some(None),
            value => value,
        };
        match V::from_json(value).and_then(parse) {
            Ok(parsed) => Some(Some(parsed)),
            Err(invalid) => {
                self.push_field_error(name, invalid);
                None
            }
        }
    }

    /// A list of 1 to `max` objects that must be there.
    pub fn array<T: Input>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let values = self.required(name, |values: Vec<Value>| match values.len() {
            0 => Err(Invalid::new("empty", "must not be empty")),
            length if length > max => Err(Invalid::new("too_long", format!("must have at most {max} items"))),
            _ => Ok(values),
        })?;
        let given = values.len();
        let mut items = Vec::with_capacity(given);
        for (index, value) in values.into_iter().enumerate() {
            match read(value, &format!("{}/{name}/{index}", self.pointer)) {
                Ok(item) => items.push(item),
                Err(errors) => self.errors.extend(errors),
            }
        }
        if items.len() == given { Some(items) } else { None }
    }

    /// Notes a mistake at a pointer within this object.
    pub fn push_error(&mut self, pointer: &str, Invalid { code, detail }: Invalid) {
        self.errors.push(FieldError { pointer: format!("{}{pointer}", self.pointer), code, detail });
    }

    fn push_field_error(&mut self, name: &str, invalid: Invalid) {
        // RFC 6901, section 3: "~" and "/" are escaped.
        self.push_error(&format!("/{}", name.replace('~', "~0").replace('/', "~1")), invalid);
    }

    fn reject_unknown(&mut self) {
        /// So many are named; a body of a million unknown fields is not answered with a million errors.
        const NAMED: usize = 20;
        for (name, _) in std::mem::take(&mut self.object).into_iter().take(NAMED) {
            let name: String = name.chars().take(100).collect();
            self.push_field_error(&name, Invalid::new("unknown", "is not a field here"));
        }
    }
}

/// A JSON type that a field can ask for.
pub trait JsonValue: Sized {
    /// # Errors
    /// The value is of another type, or is a string with U+0000, which PostgreSQL cannot store.
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
            _ => Err(Invalid::new("type", "must be a list")),
        }
    }
}

impl JsonValue for bool {
    fn from_json(value: Value) -> Result<Self, Invalid> {
        value.as_bool().ok_or(Invalid::new("type", "must be true or false"))
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

    fn mistakes(value: Value) -> Vec<(String, &'static str)> {
        let errors = read::<Example>(value, "/posts/3").unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn absent_null_and_given_are_told_apart() {
        for (value, note) in [
            (json!({"name": "a"}), None),
            (json!({"name": "a", "note": null}), Some(None)),
            (json!({"name": "a", "note": 1}), Some(Some(1))),
        ] {
            assert_eq!(read::<Example>(value, "").unwrap().note, note);
        }
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_pointer() {
        assert_eq!(
            mistakes(json!({"name": 1, "note": "x", "a/b~c": 0})),
            [
                ("/posts/3/name".to_owned(), "type"),
                ("/posts/3/note".to_owned(), "type"),
                ("/posts/3/a~1b~0c".to_owned(), "unknown")
            ]
        );
        assert_eq!(mistakes(json!({})), [("/posts/3/name".to_owned(), "required")]);
        assert_eq!(mistakes(json!({"name": null})), [("/posts/3/name".to_owned(), "null")]);
        assert_eq!(mistakes(json!({"name": "a\0b"})), [("/posts/3/name".to_owned(), "nul")]);
        assert_eq!(mistakes(json!([1])), [("/posts/3".to_owned(), "type")]);
    }
}
