//! Fast JSON serialization of long strings.

use serde::ser::Error as _;
use serde::{Serialize as _, Serializer};
use serde_json::value::RawValue;

/// Serializes a string to the same bytes as `serde_json`, but escapes many bytes at a time with SIMD. Byte by byte, the
/// contents of a page would take longer than everything else in the request.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
pub(crate) fn serialize<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(text) = text else { return serializer.serialize_none() };
    let json = json_escape_simd::escape(text);
    let raw: &RawValue = serde_json::from_str(&json).map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Simd {
        #[serde(serialize_with = "super::serialize")]
        text: Option<String>,
    }

    #[derive(Serialize)]
    struct SerdeJson {
        text: Option<String>,
    }

    fn assert_same_bytes(text: Option<String>) {
        let written = serde_json::to_string(&Simd { text: text.clone() }).unwrap();
        assert_eq!(written, serde_json::to_string(&SerdeJson { text }).unwrap());
    }

    #[test]
    fn characters_below_u_0800_have_the_same_bytes_as_serde_json() {
        assert_same_bytes(None);
        for c in '\0'..'\u{0800}' {
            for padding in [0, 15, 16, 31, 63] {
                assert_same_bytes(Some(format!("{}{c}", "x".repeat(padding))));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_has_the_same_bytes_as_serde_json(text in "(?s).{0,300}") {
            assert_same_bytes(Some(text));
        }
    }
}
