//! The query string of the change feed.

use crate::http::ApiError;
use crate::http::extract::query::{enum_param, query_params};
use crate::posts::changes::query::{FeedPosition, FeedQuery, FeedStart, LogRowId};
use crate::posts::list::query::View;
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the change feed.
    pub(crate) struct ChangeParams {
        /// The maximum number of items on the page; 100 if omitted. A page also ends after 1,000 changes, and at 8 MiB of content, without an
        /// API key at 1 MiB.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<LimitParam>,
        /// `cursor` of the previous page, or `now` for the end of the feed. Without a cursor, the feed begins with all
        /// published posts.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
        /// `summary` returns posts with an `excerpt` instead of the `content`. If omitted, the view is `full`.
        #[param(inline)]
        view: Option<FeedViewParam>,
    }
}

enum_param! {
    FeedViewParam(View) { "full" => View::Full, "summary" => View::Summary, }
}

/// A requested page of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRequest {
    pub query: FeedQuery,
    list: ListId,
}

impl FeedRequest {
    /// # Errors
    /// A parameter is unknown, repeated, or invalid, or the cursor is damaged or belongs to a list.
    pub fn parse(query_string: &str) -> Result<Self, ApiError> {
        let params = ChangeParams::parse(query_string)?;
        let list = list()?;
        let start = match params.cursor.as_deref() {
            None => FeedStart::Posts,
            Some("now") => FeedStart::Now,
            Some(cursor) => FeedStart::After(position_of(cursor)?),
        };
        let LimitParam(limit) = params.limit.unwrap_or(LimitParam(100));
        let FeedViewParam(view) = params.view.unwrap_or_default();
        Ok(Self { query: FeedQuery { start, limit, view }, list })
    }

    /// The cursor of the page after this position.
    #[must_use]
    pub fn cursor(&self, position: &FeedPosition) -> String {
        self.list.cursor(position)
    }
}

/// Identifies the feed in its cursors.
fn list() -> Result<ListId, ApiError> {
    ListId::of(&"changes")
}

/// The cursor of the changes after this row.
///
/// # Errors
/// None in practice.
pub(crate) fn cursor_after(row: LogRowId) -> Result<String, ApiError> {
    Ok(list()?.cursor(&FeedPosition { row, walked_id: None }))
}

/// The position that a cursor of the feed names.
///
/// # Errors
/// The cursor is damaged, or belongs to a list.
pub(crate) fn position_of(cursor: &str) -> Result<FeedPosition, ApiError> {
    list()?.position(cursor)
}
