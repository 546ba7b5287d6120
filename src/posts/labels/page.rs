//! The response of the lists of tags and authors.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Connection, Database};
use crate::http::ApiError;
use crate::http::representation::Representation;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::keys::auth::Caller;
use crate::posts::labels::params::LabelRequest;
use crate::posts::labels::query::Label;
use crate::posts::labels::store;
use crate::posts::responses::{read, share};
use crate::resource::paging;

/// A page of tags or authors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{"name": "Rust", "posts": 12}, {"name": "Web dev", "posts": 3}], "next_cursor": null}))]
pub struct LabelPage {
    pub items: Vec<Label>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// The memory of a page with the longest names, in bytes.
const MAX_MEMORY: usize = 256 * 1024;

/// The page that the request asks for. Callers with a key get the same page as others.
pub(crate) async fn of(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    request: LabelRequest,
    path: &str,
    query_string: &str,
) -> Result<Representation, ApiError> {
    let (query, budget, share) = (request.query.clone(), budget.clone(), share(caller));
    let read_page = move |conn: &mut Connection| {
        let memory = match budget.reserve_read(share, MAX_MEMORY) {
            Ok(memory) => memory,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        Ok(Ok((store::read_labels(conn, &query)?, memory)))
    };
    // A long read: the counts of common names read many index entries.
    let ((items, next), memory) = read(database, caller, false, read_page).await?;
    let page = LabelPage { items, next_cursor: next.map(|position| request.cursor(&position)) };
    let link = paging::link(path, query_string, page.next_cursor.as_deref(), None);
    Representation::of_hashed_read(link, &page, memory)
}
