//! Long texts as JSON.

use serde::ser::Error as _;
use serde::{Serialize as _, Serializer};
use serde_json::value::RawValue;

/// Writes a text as `serde_json` does, many bytes at a time: one by one, the contents of a page take longer than all
/// else that is done for it.
///
/// # Errors
/// The serializer's.
#[expect(clippy::ref_option, reason = "serde hands a field over by reference")]
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
    struct Written {
        #[serde(serialize_with = "super::serialize")]
        text: Option<String>,
    }

    #[derive(Serialize)]
    struct Expected {
        text: Option<String>,
    }

    fn assert_same_bytes(text: Option<String>) {
        let written = serde_json::to_string(&Written { text: text.clone() }).unwrap();
        assert_eq!(written, serde_json::to_string(&Expected { text }).unwrap());
    }

    #[test]
    fn every_character_below_u_0800_and_no_text_are_written_as_serde_json_does() {
        assert_same_bytes(None);
        for c in '\0'..'\u{0800}' {
            for padding in [0, 15, 16, 31, 63] {
                assert_same_bytes(Some(format!("{}{c}", "x".repeat(padding))));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_does(text in "(?s).{0,300}") {
            assert_same_bytes(Some(text));
        }
    }
}
