//! Parses JSON into a tree of bounded size, without repeated member names.
//!
//! `serde_json::Value` uses 32 bytes or more for a value of two characters, so a body within its size limit could
//! occupy half a gigabyte. If a member name is repeated, `serde_json` keeps the last value, while another parser, such
//! as a proxy that inspects bodies, may keep the first (RFC 8259, section 4).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses a body.
///
/// # Errors
/// The body is not valid JSON, is nested too deeply (128), contains more than `max_values` values, or repeats a member
/// name.
pub(crate) fn parse(body: &[u8], max_values: usize) -> serde_json::Result<Value> {
    let values_left = Cell::new(max_values);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = LimitedValue { max_values, values_left: &values_left }.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Deserializes one value and the values in it.
#[derive(Clone, Copy)]
struct LimitedValue<'a> {
    max_values: usize,
    /// How many more values the body may contain.
    values_left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for LimitedValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values_left = self.values_left.get().checked_sub(1);
        let too_many = || D::Error::custom(format_args!("more than {} values", self.max_values));
        self.values_left.set(values_left.ok_or_else(too_many)?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LimitedValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let name: String = name.chars().take(100).collect();
                return Err(A::Error::custom(format_args!("the member name {name:?} is repeated")));
            }
            object.insert(name, members.next_value_seed(self)?);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_json_is_parsed_as_by_serde_json() {
        for text in [
            "null", "true", "0", "-1", "18446744073709551615", "1.5e-7", "\"a\\u0000\\ud83e\\udd80\"", "[]",
            "[[1],{}]", "{\"a\":{\"a\":[null]},\"\":false}", " 1 ",
        ] {
            assert_eq!(parse(text.as_bytes(), 100).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn repeated_names_and_too_many_values_are_rejected() {
        for text in ["{\"a\":1,\"a\":1}", "[{\"b\":{\"a\":1,\"\\u0061\":2}}]", "1 2", "", "{"] {
            assert!(parse(text.as_bytes(), 100).is_err(), "{text}");
        }
        let list = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(parse(list(99).as_bytes(), 100).is_ok());
        assert!(parse(list(100).as_bytes(), 100).unwrap_err().to_string().contains("100 values"));
    }
}
