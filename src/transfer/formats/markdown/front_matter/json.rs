//! JSON front matter, which Hugo accepts: an object at the start of the file, without fences.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::transfer::formats::markdown::front_matter::value::FrontMatterValue;

/// Whether the text begins with a JSON object. Other texts that begin with a brace, such as a shortcode or an
/// expression of MDX, have no string and colon after it.
pub(super) fn is_json(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('{') else { return false };
    let rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix('}') {
        return after.is_empty() || after.starts_with(['\n', '\r']);
    }
    let mut names = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    let is_string = rest.starts_with('"') && names.next().is_some_and(|name| name.is_ok());
    is_string && rest.get(names.byte_offset()..).is_some_and(|rest| rest.trim_start().starts_with(':'))
}

/// Parses the object at the start of `text`. Returns its members and its length in bytes.
pub(super) fn parse(text: &str) -> Result<(Vec<(String, FrontMatterValue)>, usize), String> {
    let mut objects = serde_json::Deserializer::from_str(text).into_iter::<Members>();
    match objects.next() {
        Some(Ok(Members(members))) => Ok((members, objects.byte_offset())),
        Some(Err(error)) => Err(format!("invalid JSON in the front matter: {error}")),
        None => Ok((Vec::new(), 0)),
    }
}

/// The members of an object, in order. `serde_json` would keep the last of several members with one name.
struct Members(Vec<(String, FrontMatterValue)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members: Map<String, Value> = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the key \"{name}\" occurs twice")));
            }
            members.insert(name, value);
        }
        Ok(Members(members.into_iter().map(|(name, value)| (name, FrontMatterValue::from_json(value))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_a_name_is_json() {
        for text in ["{\"a\": 1}", "{\n  \"a b\" :", "{}", "{ }\nText", "{\"\\\"\": "] {
            assert!(is_json(text), "{text}");
        }
        for text in
            ["", "{", "{{< toc >}}", "{% raw %}", "{\"text\"}", "{/* \"a\": */}", "{a: 1}", "{}.", " {\"a\": 1}"]
        {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn the_object_ends_at_its_brace() {
        let text = "{\"title\": \"a } \\ud83d\\ude00\", \"n\": {\"x\": [1.5]}}\nText {";
        let (members, length) = parse(text).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members[0].1.text(), Some("a } 😀"));
        assert_eq!(&text[length..], "\nText {");
        for (text, expected) in [
            ("{\"a\": 1, \"a\": 2}", "the key \"a\" occurs twice"),
            ("{\"a\": ", "invalid JSON in the front matter: EOF"),
            (&format!("{{\"a\": {}", "[".repeat(1_000)), "recursion limit"),
        ] {
            let error = parse(text).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
