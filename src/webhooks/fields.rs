//! Parses and validates the fields of a webhook that have rules of their own: events, headers, and the body.

use serde_json::{Map, Value};

use crate::posts::changes::query::ChangeType;
use crate::posts::json_column::JsonText;
use crate::validation::{FieldError, Invalid, pointer_token};
use crate::webhooks::credential::Credential;

pub(crate) const MAX_HEADERS: usize = 10;
/// The maximum length of the value of a header, and of its name, in bytes.
pub(crate) const MAX_HEADER_VALUE: usize = 1024;
/// The maximum length of the JSON of a body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// The headers that describe the connection or the message, or that sign it.
const RESERVED_HEADERS: [&str; 9] = [
    "host", "connection", "keep-alive", "transfer-encoding", "te", "upgrade", "trailer", "content-length",
    "content-encoding",
];
const RESERVED_PREFIXES: [&str; 2] = ["proxy-", "webhook-"];

/// The events as JSON. Null means all.
pub(crate) fn events(value: Value) -> Result<JsonText, Vec<FieldError>> {
    let Value::Array(items) = value else { return Err(at_root("type", "must be an array")) };
    if items.is_empty() {
        return Err(at_root("empty", "must not be empty"));
    }
    let (mut events, mut errors): (Vec<ChangeType>, Vec<FieldError>) = (Vec::new(), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        let pointer = format!("/{index}");
        match serde_json::from_value(item) {
            Err(_) => {
                errors.push(Invalid::new("format", format!("must be one of {}", names_of_events())).at(&pointer));
                if errors.len() == MAX_REPORTED {
                    break;
                }
            }
            Ok(event) if events.contains(&event) => {
                errors.push(Invalid::new("duplicate", "must not be repeated").at(&pointer));
            }
            Ok(event) => events.push(event),
        }
    }
    if errors.is_empty() { Ok(JsonText::of(&events)) } else { Err(errors) }
}

/// Bounds the response to a body with very many invalid items.
const MAX_REPORTED: usize = 20;

fn names_of_events() -> String {
    let names: Vec<String> =
        ChangeType::ALL.iter().map(|event| JsonText::of(event).as_str().replace('"', "")).collect();
    names.join(", ")
}

/// Changes to the headers of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderPatch {
    /// Removes all headers.
    Clear,
    /// Sets the headers with a value, and removes those without. A JSON object.
    Merge(Credential),
}

impl HeaderPatch {
    pub(crate) fn parse(value: Value) -> Result<Self, Vec<FieldError>> {
        let Value::Object(object) = value else { return Err(at_root("type", "must be an object")) };
        let mut seen: Vec<String> = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in &object {
            let lowercase = name.to_ascii_lowercase();
            let invalid = check_name(&lowercase).and_then(|()| check_value(value)).and_then(|()| {
                let duplicate =
                    || Invalid::new("duplicate", "must differ from the other names in more than their case");
                if seen.contains(&lowercase) { Err(duplicate()) } else { Ok(()) }
            });
            if let Err(invalid) = invalid {
                let name: String = name.chars().take(100).collect();
                errors.push(invalid.at(&format!("/{}", pointer_token(&name))));
                if errors.len() == MAX_REPORTED {
                    break;
                }
            }
            seen.push(lowercase);
        }
        if errors.is_empty() { Ok(Self::Merge(to_credential(&object))) } else { Err(errors) }
    }

    /// The headers after the change. Names are compared without their case (RFC 9110, section 5.1).
    pub(crate) fn apply(&self, headers: &Credential) -> Result<Credential, Invalid> {
        let Self::Merge(patch) = self else { return Ok(to_credential(&Map::new())) };
        let (mut headers, patch) = (to_object(headers), to_object(patch));
        for (name, value) in patch {
            headers.retain(|other, _| !other.eq_ignore_ascii_case(&name));
            if !value.is_null() {
                headers.insert(name, value);
            }
        }
        if headers.len() > MAX_HEADERS {
            return Err(Invalid::new("too_many", format!("must have at most {MAX_HEADERS} members")));
        }
        Ok(to_credential(&headers))
    }
}

fn to_object(headers: &Credential) -> Map<String, Value> {
    serde_json::from_str(headers.reveal()).unwrap_or_default()
}

fn to_credential(headers: &Map<String, Value>) -> Credential {
    Credential::new(JsonText::of(headers).as_str().to_owned())
}

/// Checks a lowercase name: a token (RFC 9110, section 5.6.2) that is not reserved.
fn check_name(name: &str) -> Result<(), Invalid> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Invalid::new("format", "must have the name of an HTTP header"));
    }
    if name.len() > MAX_HEADER_VALUE {
        return Err(Invalid::new("too_long", format!("must have a name of at most {MAX_HEADER_VALUE} characters")));
    }
    if RESERVED_HEADERS.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(Invalid::new("not_allowed", "must not be a header that the service sets itself"));
    }
    Ok(())
}

fn check_value(value: &Value) -> Result<(), Invalid> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        _ => return Err(Invalid::new("type", "must be a string")),
    };
    if text.is_empty() {
        return Err(Invalid::new("empty", "must not be empty"));
    }
    if text.len() > MAX_HEADER_VALUE {
        return Err(Invalid::new("too_long", format!("must be at most {MAX_HEADER_VALUE} characters")));
    }
    let is_visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if !text.bytes().all(is_visible) || text.trim() != text {
        return Err(Invalid::new("format", "must be visible ASCII characters, with spaces only between them"));
    }
    Ok(())
}

/// The static body as JSON.
pub(crate) fn body(value: Value) -> Result<JsonText, Vec<FieldError>> {
    if !value.is_object() {
        return Err(at_root("type", "must be an object"));
    }
    let body = JsonText::of(&value);
    if body.as_str().len() > MAX_BODY {
        return Err(at_root("too_long", format!("must be at most {MAX_BODY} bytes of JSON")));
    }
    Ok(body)
}

fn at_root(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Vec<FieldError> {
    vec![Invalid::new(code, detail).at("")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(errors: Vec<FieldError>) -> Vec<(String, &'static str)> {
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn reserved_and_invalid_headers_are_rejected() {
        for name in RESERVED_HEADERS {
            for name in [name.to_owned(), name.to_ascii_uppercase()] {
                let errors = HeaderPatch::parse(json!({name.clone(): "x"})).unwrap_err();
                assert_eq!(codes(errors), [(format!("/{name}"), "not_allowed")]);
            }
        }
        for name in ["Proxy-Authorization", "proxy-", "webhook-id", "Webhook-Signature"] {
            let errors = HeaderPatch::parse(json!({name: null})).unwrap_err();
            assert_eq!(codes(errors), [(format!("/{name}"), "not_allowed")]);
        }
        for name in ["a b", "a:", "ä", "a\r\nb", ""] {
            let errors = HeaderPatch::parse(json!({name: "x"})).unwrap_err();
            assert_eq!(codes(errors)[0].1, "format", "{name:?}");
        }
        for name in [
            "Authorization",
            "Cookie",
            "User-Agent",
            "Content-Type",
            "X-Proxy-Token",
            "Webhooks",
            "a/b".split('/').next().unwrap(),
        ] {
            assert!(HeaderPatch::parse(json!({name: "Bearer a b"})).is_ok(), "{name}");
        }
    }

    #[test]
    fn values_are_visible_ascii() {
        for (value, code) in [
            (json!(""), "empty"),
            (json!("x".repeat(1025)), "too_long"),
            (json!("a\nb"), "format"),
            (json!("a\tb"), "format"),
            (json!("é"), "format"),
            (json!(" a"), "format"),
            (json!("a "), "format"),
            (json!("\u{7f}"), "format"),
            (json!(1), "type"),
            (json!(["a"]), "type"),
        ] {
            assert_eq!(codes(HeaderPatch::parse(json!({"A": value})).unwrap_err()), [("/A".to_owned(), code)]);
        }
        assert!(HeaderPatch::parse(json!({"A": "x".repeat(1024), "B": "!~"})).is_ok());
        assert_eq!(
            codes(HeaderPatch::parse(json!({"A": "x", "a": "x"})).unwrap_err()),
            [("/a".to_owned(), "duplicate")]
        );
    }

    #[test]
    fn a_patch_merges_headers_without_regard_to_case() {
        let headers = Credential::new(r#"{"Authorization":"old","X-A":"a"}"#.to_owned());
        let patch = HeaderPatch::parse(json!({"authorization": "new", "x-a": null, "X-B": "b"})).unwrap();
        let merged = patch.apply(&headers).unwrap();
        assert_eq!(merged.reveal(), r#"{"authorization":"new","X-B":"b"}"#);
        assert_eq!(HeaderPatch::Clear.apply(&headers).unwrap().reveal(), "{}");
        let object = |count: usize| (0..count).map(|index| (format!("X-{index}"), json!("x"))).collect::<Map<_, _>>();
        assert!(HeaderPatch::parse(object(10).into()).unwrap().apply(&to_credential(&Map::new())).is_ok());
        let error = HeaderPatch::parse(object(9).into()).unwrap().apply(&headers).unwrap_err();
        assert_eq!(error.code, "too_many");
    }
}
