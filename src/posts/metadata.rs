//! The metadata of a post: its limits, and how a merge patch changes it.

use serde_json::{Map, Value};

use crate::posts::json_column::JsonText;
use crate::validation::{FieldError, Invalid, pointer_token};

/// The members of a metadata object.
pub type Metadata = Map<String, Value>;

/// The maximum size of the compact JSON, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// The maximum number of values: every scalar, array, and object in the metadata.
pub const MAX_VALUES: usize = 200;
/// The maximum number of nested objects and arrays, the metadata itself included.
pub const MAX_DEPTH: usize = 5;
/// The maximum length of a member name, in characters.
pub const MAX_NAME: usize = 100;
/// The maximum number of reported errors, which bounds the response to a body with very many invalid names.
const MAX_ERRORS: usize = 20;

/// Removes the null members of all objects, and checks the limits.
///
/// # Errors
/// The value is not an object, or exceeds a limit. The pointers are relative to it.
pub fn parse(value: Value) -> Result<Metadata, Vec<FieldError>> {
    let mut metadata = object(value)?;
    check_structure(&metadata)?;
    remove_nulls(&mut metadata);
    check_size(&metadata).map_err(|invalid| vec![invalid.at("")])?;
    Ok(metadata)
}

/// Changes to the metadata, as a JSON Merge Patch (RFC 7396): null removes a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataPatch {
    /// Removes all members.
    Clear,
    Merge(Metadata),
}

impl MetadataPatch {
    /// # Errors
    /// The value is not an object, or its names or nesting exceed a limit. The pointers are relative to it.
    pub fn parse(value: Value) -> Result<Self, Vec<FieldError>> {
        let patch = object(value)?;
        check_structure(&patch)?;
        Ok(Self::Merge(patch))
    }

    /// Whether the result depends on the stored metadata.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        *self != Self::Clear
    }

    /// The metadata after the patch.
    ///
    /// # Errors
    /// The result exceeds a limit.
    pub fn apply(&self, current: &JsonText) -> Result<JsonText, Invalid> {
        let Self::Merge(patch) = self else { return Ok(JsonText::of(&Metadata::new())) };
        // Only an external writer can store an object that is nested too deeply to be parsed.
        let too_deep = || Invalid::new("too_deep", "the stored metadata is nested too deeply; replace the whole post");
        let mut metadata: Metadata = current.parse().ok_or_else(too_deep)?;
        merge(&mut metadata, patch);
        remove_nulls(&mut metadata);
        check_size(&metadata)?;
        Ok(JsonText::of(&metadata))
    }
}

fn object(value: Value) -> Result<Metadata, Vec<FieldError>> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(vec![Invalid::new("type", "must be an object").at("")]),
    }
}

/// RFC 7396, section 2.
fn merge(target: &mut Metadata, patch: &Metadata) {
    for (name, value) in patch {
        match (value, target.get_mut(name)) {
            (Value::Null, _) => drop(target.shift_remove(name)),
            (Value::Object(patch), Some(Value::Object(target))) => merge(target, patch),
            (Value::Object(patch), _) => {
                let mut object = Metadata::new();
                merge(&mut object, patch);
                target.insert(name.clone(), Value::Object(object));
            }
            (value, _) => drop(target.insert(name.clone(), value.clone())),
        }
    }
}

fn remove_nulls(object: &mut Metadata) {
    object.retain(|_, value| !value.is_null());
    object.values_mut().for_each(remove_nulls_in);
}

fn remove_nulls_in(value: &mut Value) {
    match value {
        Value::Object(object) => remove_nulls(object),
        Value::Array(items) => items.iter_mut().for_each(remove_nulls_in),
        _ => {}
    }
}

fn check_size(metadata: &Metadata) -> Result<(), Invalid> {
    if metadata.values().map(count).sum::<usize>() > MAX_VALUES {
        return Err(Invalid::new("too_many", format!("must have at most {MAX_VALUES} values")));
    }
    if serde_json::to_string(metadata).map_or(usize::MAX, |json| json.len()) > MAX_BYTES {
        return Err(Invalid::new("too_long", format!("must be at most {MAX_BYTES} bytes of JSON")));
    }
    Ok(())
}

/// The number of values in a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(object) => object.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Checks the names, the nesting, and the strings.
fn check_structure(metadata: &Metadata) -> Result<(), Vec<FieldError>> {
    let mut errors = Vec::new();
    check_members(metadata, "", 1, &mut errors);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn check_members(object: &Metadata, pointer: &str, depth: usize, errors: &mut Vec<FieldError>) {
    for (name, value) in object {
        if let Err(invalid) = check_name(name) {
            push(errors, invalid, pointer);
        } else {
            check_value(value, &format!("{pointer}/{}", pointer_token(name)), depth, errors);
        }
        if errors.len() == MAX_ERRORS {
            return;
        }
    }
}

fn check_value(value: &Value, pointer: &str, depth: usize, errors: &mut Vec<FieldError>) {
    match value {
        Value::Object(_) | Value::Array(_) if depth == MAX_DEPTH => {
            let detail = format!("objects and arrays must be nested at most {MAX_DEPTH} deep");
            push(errors, Invalid::new("too_deep", detail), pointer);
        }
        Value::Object(object) => check_members(object, pointer, depth + 1, errors),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item, &format!("{pointer}/{index}"), depth + 1, errors);
            }
        }
        Value::String(text) if text.contains('\0') => {
            push(errors, Invalid::new("nul", "must not contain U+0000"), pointer);
        }
        _ => {}
    }
}

/// An error in a name points at the object, because the name itself may be too long for a pointer.
fn check_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        return Err(Invalid::new("empty", "the name of a member must not be empty"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(Invalid::new("too_long", format!("the name of a member must be at most {MAX_NAME} characters")));
    }
    if name.contains(char::is_control) {
        return Err(Invalid::new("format", "the name of a member must not contain control characters"));
    }
    Ok(())
}

fn push(errors: &mut Vec<FieldError>, invalid: Invalid, pointer: &str) {
    if errors.len() < MAX_ERRORS {
        errors.push(invalid.at(pointer));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(value: Value) -> Vec<(String, &'static str)> {
        parse(value).unwrap_err().into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn null_members_are_removed_at_every_depth() {
        let parsed = parse(json!({"a": null, "b": {"c": null}, "d": [null, {"e": null, "f": 1}]})).unwrap();
        assert_eq!(Value::from(parsed), json!({"b": {}, "d": [null, {"f": 1}]}));
    }

    #[test]
    fn limits_are_reported_with_pointers() {
        assert_eq!(errors(json!([])), [(String::new(), "type")]);
        assert_eq!(errors(json!({"": 1})), [(String::new(), "empty")]);
        assert_eq!(errors(json!({"a": {"b\n": 1}})), [("/a".to_owned(), "format")]);
        assert_eq!(errors(json!({"a/b": {"~": "\0"}})), [("/a~1b/~0".to_owned(), "nul")]);
        assert_eq!(errors(json!({"n".repeat(101): 1})), [(String::new(), "too_long")]);
        assert_eq!(errors(json!({"a": {"b": [[{"c": []}]]}})), [("/a/b/0/0/c".to_owned(), "too_deep")]);
        assert!(parse(json!({"a": {"b": [[1]]}})).is_ok() && parse(json!({"n".repeat(100): 1})).is_ok());
        assert!(parse(json!({"a": vec![0; 199]})).is_ok());
        assert_eq!(errors(json!({"a": vec![0; 200]})), [(String::new(), "too_many")]);
        assert!(parse(json!({"a": "x".repeat(MAX_BYTES - 8)})).is_ok());
        assert_eq!(errors(json!({"a": "x".repeat(MAX_BYTES - 7)})), [(String::new(), "too_long")]);
        assert_eq!(errors(json!({"a": vec!["\0"; 1000]})).len(), MAX_ERRORS);
    }

    #[test]
    fn patches_follow_rfc_7396() {
        for (current, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"a": "foo"}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            (json!({"e": 1}), json!({}), json!({"e": 1})),
        ] {
            let merged = MetadataPatch::parse(patch).unwrap().apply(&JsonText::of(&current)).unwrap();
            assert_eq!(merged, JsonText::of(&result));
        }
        let full = json!({"a": vec![0; 199]});
        let add = MetadataPatch::parse(json!({"b": 1})).unwrap();
        assert_eq!(add.apply(&JsonText::of(&full)).unwrap_err().code, "too_many");
        assert_eq!(MetadataPatch::Clear.apply(&JsonText::of(&full)).unwrap().as_str(), "{}");
    }
}
