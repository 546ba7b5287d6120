//! The query string of the lists of tags and authors: from text to a [`LabelRequest`].

use crate::http::ApiError;
use crate::http::extract::query::{enum_param, invalid_parameter, query_params};
use crate::posts::labels::query::{LabelPosition, LabelQuery, LabelSort};
use crate::posts::labels::{LabelKind, fold, name};
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the lists of tags and authors.
    pub(crate) struct LabelParams {
        /// The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of content,
        /// without an API key at 1 MiB.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<LimitParam>,
        /// `next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count` may
        /// differ from the request that returned it.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
        /// The order of the names: `name` compares their bytes in lower case, and `-posts` begins with the name that
        /// most published posts have. If omitted, the order is `name`.
        #[param(inline)]
        sort: Option<LabelSortParam>,
        /// Returns only names that begin with this text, without regard to ASCII case.
        // Without the controls above U+007F, which are also rejected: PCRE without its Unicode mode matches bytes.
        #[param(max_length = 200, pattern = r"^[^\x00-\x08\x0e-\x1f\x7f]*$")]
        q: Option<String>,
    }
}

enum_param! {
    LabelSortParam(LabelSort) { "name" => LabelSort::Name, "-posts" => LabelSort::Posts, }
}

/// A requested page of tags or authors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRequest {
    pub query: LabelQuery,
    /// Part of each cursor, so that a cursor of another list is rejected.
    list: ListId,
}

impl LabelRequest {
    /// # Errors
    /// A parameter is unknown, repeated, or invalid, or the cursor belongs to another list.
    pub fn parse(kind: LabelKind, query_string: &str) -> Result<Self, ApiError> {
        let params = LabelParams::parse(query_string)?;
        let LabelSortParam(sort) = params.sort.unwrap_or_default();
        let prefix = params.q.map(|q| prefix(&q)).transpose()?.flatten();
        let list = ListId::of(&(kind, sort, &prefix))?;
        let position = params.cursor.map(|cursor| decode(&cursor, list)).transpose()?;
        let LimitParam(limit) = params.limit.unwrap_or(LimitParam(20));
        Ok(Self { query: LabelQuery { kind, sort, prefix, limit, position }, list })
    }

    /// The cursor of the page after this position.
    #[must_use]
    pub fn cursor(&self, position: &LabelPosition) -> String {
        self.list.cursor(position)
    }
}

/// The beginning of names, normalized and folded as they are. `None` if it is empty, which is the beginning of each
/// name.
fn prefix(q: &str) -> Result<Option<String>, ApiError> {
    if q.trim().is_empty() {
        return Ok(None);
    }
    // The longest names are those of authors. A longer prefix of a tag is valid, and no tag has it.
    name(LabelKind::Author, q).map(|name| Some(fold(&name))).map_err(|invalid| invalid_parameter("q", invalid.detail))
}

fn decode(cursor: &str, list: ListId) -> Result<LabelPosition, ApiError> {
    let position: LabelPosition = list.position(cursor)?;
    // PostgreSQL rejects text with U+0000, which only a forged cursor contains.
    if position.label.contains('\0') { Err(ApiError::InvalidCursor) } else { Ok(position) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_cursor_with_a_null_character_is_rejected() {
        let request = LabelRequest::parse(LabelKind::Tag, "").unwrap();
        let parse = |label: &str| {
            let cursor = request.cursor(&LabelPosition { label: label.to_owned(), posts: 1 });
            LabelRequest::parse(LabelKind::Tag, &format!("cursor={cursor}"))
        };
        assert!(parse("a").is_ok());
        assert!(matches!(parse("a\0"), Err(ApiError::InvalidCursor)));
    }
}
