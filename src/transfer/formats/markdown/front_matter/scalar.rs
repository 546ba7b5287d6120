//! The types of YAML scalars.
//!
//! Plain scalars have the types of YAML 1.2's core schema. Other YAML parsers disagree about `yes`, dates, and `1_000`,
//! which are strings here. An integer of more than 64 bits is a string too, because JSON would lose its last digits.

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

use crate::transfer::formats::markdown::front_matter::value::FrontMatterValue;

pub(super) fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> FrontMatterValue {
    let is_string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "str" | "binary"));
    let json = if style == ScalarStyle::Plain && !is_string { plain_scalar(text) } else { text.into() };
    FrontMatterValue::Scalar { text: text.to_owned(), json }
}

/// The value of a plain scalar in the core schema (YAML 1.2.2, section 10.3.2).
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

/// The number, unless JSON cannot hold it, or the text has leading zeros: `007` is more often a code than a number.
fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') || unsigned == "." {
        return None;
    }
    let has_leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && is_digits(unsigned.get(1..2)?);
    if has_leading_zero {
        return None;
    }
    if is_digits(unsigned) {
        let digits = text.strip_prefix('+').unwrap_or(text);
        return digits.parse::<u64>().map(Number::from).or_else(|_| digits.parse::<i64>().map(Number::from)).ok();
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_float = is_digits(whole) && is_digits(fraction) && is_digits(exponent) && !exponent.is_empty();
    text.parse().ok().filter(|_| is_float && !(whole.is_empty() && fraction.is_empty())).and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Value {
        scalar(text, ScalarStyle::Plain, None).into_json()
    }

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (text, expected) in [
            ("~", json!(null)),
            ("", json!(null)),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x+1", json!("0x+1")),
            ("007", json!("007")),
            ("0", json!(0)),
            ("-0.0", json!(-0.0)),
            ("1.0", json!(1.0)),
            ("1.10", json!(1.1)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("1e400", json!("1e400")),
            ("1e", json!("1e")),
            (".", json!(".")),
            (".inf", json!(".inf")),
            ("1.2.3", json!("1.2.3")),
            ("1_000", json!("1_000")),
            ("2020-01-01", json!("2020-01-01")),
            ("12:30:00", json!("12:30:00")),
            ("é", json!("é")),
            ("0é", json!("0é")),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn quoted_and_tagged_scalars_are_strings() {
        let tag = |handle: &str, suffix: &str| Tag { handle: handle.to_owned(), suffix: suffix.to_owned() };
        let core = "tag:yaml.org,2002:";
        for (style, tag, expected) in [
            (ScalarStyle::SingleQuoted, None, json!("12")),
            (ScalarStyle::DoubleQuoted, None, json!("12")),
            (ScalarStyle::Literal, None, json!("12")),
            (ScalarStyle::Plain, Some(tag(core, "str")), json!("12")),
            (ScalarStyle::Plain, Some(tag(core, "int")), json!(12)),
            (ScalarStyle::Plain, Some(tag("!", "custom")), json!(12)),
        ] {
            assert_eq!(scalar("12", style, tag.as_ref()).into_json(), expected, "{style:?} {tag:?}");
        }
    }
}
