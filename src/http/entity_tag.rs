//! Parses lists of entity tags, as in `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1).

/// An entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    pub is_weak: bool,
    /// The characters between the quotes.
    pub opaque: &'a str,
}

/// Parses a list of tags, which may be empty and may contain empty elements (RFC 9110, section 5.6.1.2). Returns `None`
/// if it contains anything else, `*` included. Tags must be printable ASCII.
#[must_use]
pub fn parse_list(text: &str) -> Option<Vec<Tag<'_>>> {
    const SEPARATORS: [char; 3] = [' ', '\t', ','];
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches(SEPARATORS);
    while !rest.is_empty() {
        let (tag, after_tag) = split_first_tag(rest)?;
        tags.push(tag);
        let after_tag = after_tag.trim_start_matches([' ', '\t']);
        rest = after_tag.trim_start_matches(SEPARATORS);
        if !rest.is_empty() && !after_tag.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

/// The first tag, and the text after it.
fn split_first_tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let (is_weak, quoted) = text.strip_prefix("W/").map_or((false, text), |tag| (true, tag));
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    opaque.bytes().all(|byte| byte.is_ascii_graphic()).then_some((Tag { is_weak, opaque }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Option<Vec<(bool, &str)>> {
        parse_list(text).map(|tags| tags.into_iter().map(|tag| (tag.is_weak, tag.opaque)).collect())
    }

    #[test]
    fn tags_may_contain_commas_and_lists_empty_elements() {
        assert_eq!(tags(r#""1-2", W/"a,b""#), Some(vec![(false, "1-2"), (true, "a,b")]));
        assert_eq!(tags("\t,, \"\" ,\"x\"\t,"), Some(vec![(false, ""), (false, "x")]));
        for empty in ["", " ", " , "] {
            assert_eq!(tags(empty), Some(vec![]), "{empty:?}");
        }
    }

    #[test]
    fn an_invalid_list_is_rejected_as_a_whole() {
        for text in
            ["*", "1-2", "\"1-2", "\"1\" \"2\"", "w/\"1\"", "W/ \"1\"", "\"1\"; \"2\"", "\"a b\"", "\"é\"", "W/"]
        {
            assert_eq!(tags(text), None, "{text}");
        }
    }
}
