//! The query string of the change feed.

use crate::http::ApiError;
use crate::http::extract::query::{enum_param, query_params};
use crate::posts::changes::query::{FeedPosition, FeedQuery, FeedStart, LogRowId};
use crate::posts::list::query::View;
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the change feed.
    pub(crate) struct ChangeParams {
        /// The maximum number of items on the page; 100 if omitted. A page also ends after 1,000 changes, and at 8 MiB
        /// of content, without an API key at 1 MiB.
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

/// The cursors of the feed and of its event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedCursors(ListId);

impl FeedCursors {
    /// # Errors
    /// None in practice.
    pub fn new() -> Result<Self, ApiError> {
        ListId::of(&"changes").map(Self)
    }

    /// The cursor of the page after this position.
    #[must_use]
    pub fn at(self, position: &FeedPosition) -> String {
        self.0.cursor(position)
    }

    /// The cursor of the page after this row of the log.
    #[must_use]
    pub fn after(self, row: LogRowId) -> String {
        self.at(&FeedPosition { row, walked_id: None })
    }

    /// # Errors
    /// The cursor is damaged or belongs to a list. Two different texts never denote the same position, so that a client
    /// cannot make the cache store a page twice.
    pub fn parse(self, cursor: &str) -> Result<FeedPosition, ApiError> {
        let position = self.0.position(cursor)?;
        if self.at(&position) == cursor { Ok(position) } else { Err(ApiError::InvalidCursor) }
    }
}

/// A requested page of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRequest {
    pub query: FeedQuery,
    pub cursors: FeedCursors,
}

impl FeedRequest {
    /// # Errors
    /// A parameter is unknown, repeated, or invalid, or the cursor is damaged or belongs to a list.
    pub fn parse(query_string: &str) -> Result<Self, ApiError> {
        let params = ChangeParams::parse(query_string)?;
        let cursors = FeedCursors::new()?;
        let start = match params.cursor.as_deref() {
            None => FeedStart::Posts,
            Some("now") => FeedStart::Now,
            Some(cursor) => FeedStart::After(cursors.parse(cursor)?),
        };
        let LimitParam(limit) = params.limit.unwrap_or(LimitParam(100));
        let FeedViewParam(view) = params.view.unwrap_or_default();
        Ok(Self { query: FeedQuery { start, limit, view }, cursors })
    }
}

/// The cursor of the changes after this row.
///
/// # Errors
/// None in practice.
pub(crate) fn cursor_after(row: LogRowId) -> Result<String, ApiError> {
    Ok(FeedCursors::new()?.after(row))
}

/// The position that a cursor of the feed names.
///
/// # Errors
/// The cursor is damaged, or belongs to a list.
pub(crate) fn position_of(cursor: &str) -> Result<FeedPosition, ApiError> {
    FeedCursors::new()?.parse(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Timestamp;

    #[test]
    fn a_position_has_one_cursor() {
        #[derive(serde::Serialize)]
        struct Extended {
            #[serde(flatten)]
            position: FeedPosition,
            z: u8,
        }
        let cursors = FeedCursors::new().unwrap();
        let position = FeedPosition { row: LogRowId { seq: 7, at: Timestamp::MIN }, walked_id: None };
        let cursor = cursors.after(position.row);
        assert_eq!(cursors.parse(&cursor).unwrap(), position);
        let extended = cursors.0.cursor(&Extended { position, z: 1 });
        assert_eq!(cursors.0.position::<FeedPosition>(&extended).unwrap(), position);
        assert!(matches!(cursors.parse(&extended), Err(ApiError::InvalidCursor)));
    }
}
