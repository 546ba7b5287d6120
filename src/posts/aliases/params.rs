//! The query string of the list of redirects.

use serde::{Deserialize, Serialize};

use crate::http::ApiError;
use crate::http::extract::query::query_params;
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the list of redirects.
    pub(crate) struct RedirectParams {
        /// The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of content,
        /// without an API key at 1 MiB.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<LimitParam>,
        /// `next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count` may
        /// differ from the request that returned it.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
    }
}

/// A requested page of redirects.
pub(crate) struct RedirectRequest {
    pub(crate) limit: usize,
    /// The page begins after this old slug.
    pub(crate) after: Option<String>,
    list: ListId,
}

/// The position in a cursor.
#[derive(Serialize, Deserialize)]
struct RedirectPosition {
    #[serde(rename = "f")]
    from: String,
}

impl RedirectRequest {
    /// # Errors
    /// A parameter is unknown, repeated, or invalid, or the cursor belongs to another list.
    pub(crate) fn parse(query_string: &str) -> Result<Self, ApiError> {
        let params = RedirectParams::parse(query_string)?;
        let list = ListId::of(&"redirects")?;
        let position = params.cursor.map(|cursor| list.position(&cursor)).transpose()?;
        let after = position.map(|RedirectPosition { from }| from);
        // PostgreSQL rejects text with U+0000. A forged cursor can contain it.
        if after.as_ref().is_some_and(|from| from.contains('\0')) {
            return Err(ApiError::InvalidCursor);
        }
        let LimitParam(limit) = params.limit.unwrap_or_default();
        Ok(Self { limit: limit.into(), after, list })
    }

    /// The cursor of the page that begins after this old slug.
    pub(crate) fn cursor(&self, from: String) -> String {
        self.list.cursor(&RedirectPosition { from })
    }
}
