//! The document formats in which Ghost's editors store a post. Only Ghost can render them, with one exception.

use serde::Deserialize;
use serde_json::Value;

/// Extracts the Markdown from a Mobiledoc with a single Markdown card, which is how Ghost 1 stored every post. Returns
/// `None` for an empty document.
pub(super) fn markdown_in_mobiledoc(document: &str) -> Result<Option<String>, String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Mobiledoc {
        cards: Vec<(String, Value)>,
        sections: Vec<Value>,
    }
    let unsupported = || "has a Mobiledoc document without HTML, which only Ghost can render".to_owned();
    let Mobiledoc { cards, sections } = serde_json::from_str(document).map_err(|_| unsupported())?;
    // A text section is [1, "p", [[0, [], 0, "text"], …]].
    let markers = |section: &Value| section.get(2).and_then(Value::as_array).cloned();
    let is_empty = |marker: &Value| marker.get(3).and_then(Value::as_str) == Some("");
    match cards.as_slice() {
        [] if sections.iter().all(|section| markers(section).is_some_and(|all| all.iter().all(is_empty))) => Ok(None),
        [(kind, card)] if kind.ends_with("markdown") && sections.len() <= 1 => {
            card.get("markdown").and_then(Value::as_str).map(|text| Some(text.to_owned())).ok_or_else(unsupported)
        }
        _ => Err(unsupported()),
    }
}

/// Accepts a Lexical document only if it is empty, because this service cannot render it.
pub(super) fn check_empty_lexical(document: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let is_empty = |paragraph: &Value| {
        paragraph.get("type").is_some_and(|kind| kind == "paragraph")
            && paragraph.get("children").and_then(Value::as_array).is_some_and(Vec::is_empty)
    };
    match document.pointer("/root/children").and_then(Value::as_array) {
        Some(paragraphs) if paragraphs.iter().all(is_empty) => Ok(()),
        _ => Err("has a Lexical document without HTML, which only Ghost can render".into()),
    }
}
