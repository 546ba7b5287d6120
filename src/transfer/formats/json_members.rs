//! The members of a JSON object, each as its JSON text.
//!
//! Stores only the members that the import reads, which must not be repeated. The others can have any value: they are
//! neither stored nor validated.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::posts::input::CreatePost;
use crate::validation::{Input, json_tree};

/// The members of one object.
#[derive(Debug, Default)]
pub(super) struct JsonMembers<'a> {
    read: BTreeMap<&'static str, &'a RawValue>,
    /// The names of the first members that are not read.
    pub(super) unknown: Vec<String>,
}

/// Whether a value is `null`, or is absent.
fn is_null(value: Option<&&RawValue>) -> bool {
    value.is_none_or(|value| value.get() == "null")
}

impl<'a> JsonMembers<'a> {
    /// Parses an object. Keeps the members with the given names.
    ///
    /// # Errors
    /// The text is not a JSON object, or repeats one of the names.
    pub(super) fn parse(json: &'a [u8], names: &'static [&'static str]) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let members = MembersSeed(names).deserialize(&mut deserializer).map_err(invalid_json)?;
        deserializer.end().map_err(invalid_json)?;
        Ok(members)
    }

    pub(super) fn len(&self) -> usize {
        self.read.len() + self.unknown.len()
    }

    /// The JSON text of a member.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.read.get(name).map(|value| value.get())
    }

    pub(super) fn is_null(&self, name: &str) -> bool {
        is_null(self.read.get(name))
    }

    /// A member that must be a string. `None` if it is absent or null.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(raw) = self.raw(name).filter(|_| !self.is_null(name)) else { return Ok(None) };
        if !raw.starts_with('"') {
            return Err(format!("/{name}: must be a string"));
        }
        serde_json::from_str(raw).map(Some).map_err(|error| format!("/{name}: {error}"))
    }

    /// The members as an object. The arrays and objects in it are empty, except for those of the members `nested`: the
    /// depth and the length of a value that no field can have do not matter.
    pub(super) fn into_object(self, nested: &[&str]) -> Result<Value, String> {
        let unknown = self.unknown.into_iter().map(|name| Ok((name, Value::Null)));
        let read = self.read.into_iter().map(|(name, raw)| {
            let value = if nested.contains(&name) { nested_value(raw.get()) } else { shallow_value(raw.get()) };
            Ok((name.to_owned(), value?))
        });
        read.chain(unknown).collect::<Result<_, _>>().map(Value::Object)
    }
}

/// Parses a string, number, boolean, or null. Returns an empty array or object for any other.
pub(super) fn shallow_value(raw: &str) -> Result<Value, String> {
    match raw.as_bytes().first() {
        Some(b'[') => Ok(Value::Array(Vec::new())),
        Some(b'{') => Ok(Value::Object(serde_json::Map::new())),
        _ => serde_json::from_str(raw).map_err(invalid_json),
    }
}

/// Parses any value, with the limits of a request body.
fn nested_value(raw: &str) -> Result<Value, String> {
    json_tree::parse(raw.as_bytes(), <CreatePost as Input>::MAX_VALUES).map_err(invalid_json)
}

fn invalid_json(error: serde_json::Error) -> String {
    if error.is_data() { error.to_string() } else { format!("invalid JSON: {error}") }
}

struct MembersSeed(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for MembersSeed {
    type Value = JsonMembers<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed {
    type Value = JsonMembers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Bounds the error message.
        const MAX_UNKNOWN: usize = 20;
        let mut members = JsonMembers::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let Some(known) = self.0.iter().find(|known| known.as_bytes() == name) else {
                map.next_value::<IgnoredAny>()?;
                if members.unknown.len() < MAX_UNKNOWN {
                    members.unknown.push(String::from_utf8_lossy(&name).into_owned());
                }
                continue;
            };
            if members.read.insert(known, map.next_value()?).is_some() {
                return Err(A::Error::custom(format_args!("the member name \"{known}\" is repeated")));
            }
        }
        Ok(members)
    }
}

/// Deserializes a member name as bytes, which can contain unpaired surrogates.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Vec<u8>, E> {
        Ok(name.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_read_can_have_any_value() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for value in ["1e999", "\"\\ud800\"", "{\"a\":1,\"a\":2}", &deep, "-1.5e-9999"] {
            let json = format!("{{\"x\":{value},\"\\udc00\":{value},\"a\":\"A\",\"x\":{value}}}");
            let members = JsonMembers::parse(json.as_bytes(), &["a", "b"]).unwrap();
            assert_eq!(members.text("a"), Ok(Some("A".to_owned())));
            assert_eq!(members.text("b"), Ok(None));
            assert_eq!(members.len(), 4);
        }
        assert_eq!(JsonMembers::parse(b"{\"\xff\":\"\xff\",\"a\":null}", &["a"]).unwrap().text("a"), Ok(None));
    }

    #[test]
    fn members_that_are_read_are_validated() {
        let parse = |json: &str| JsonMembers::parse(json.as_bytes(), &["a"]).unwrap_err();
        assert!(parse("{\"a\":1,\"\\u0061\":1}").contains("the member name \"a\" is repeated"));
        assert!(parse("{\"a\":1").starts_with("invalid JSON: "));
        assert!(parse("{} {}").starts_with("invalid JSON: "));
        assert!(parse("[1]").contains("expected an object"));
        let text = |json: &'static str| JsonMembers::parse(json.as_bytes(), &["a"]).unwrap().text("a").unwrap_err();
        assert_eq!(text("{\"a\":[1]}"), "/a: must be a string");
        assert!(text("{\"a\":\"\\ud800\"}").starts_with("/a: "));
    }
}
