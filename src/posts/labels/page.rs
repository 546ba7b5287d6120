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
use crate::posts::labels::store::{self, FoundLabels};
use crate::posts::list::params::ReadCost;
use crate::posts::responses::read;
use crate::resource::paging;

/// A page of tags or authors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{"name": "Rust", "posts": 12}, {"name": "Web dev", "posts": 3}], "next_cursor": null,
}))]
pub struct LabelPage {
    /// The names, in the order of the list.
    #[schema(max_items = 100)]
    pub items: Vec<Label>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// The memory of a page with the longest names, in bytes: 100 names of 200 characters of 4 bytes.
const MAX_MEMORY: usize = 100 * (200 * 4 + size_of::<Label>());

/// The page that the request asks for. Callers with a key get the same page as others.
pub(crate) async fn of(
    database: &Database,
    budget: &MemoryBudget,
    caller: Caller,
    request: LabelRequest,
    path: &str,
    query_string: &str,
) -> Result<Representation, ApiError> {
    let query = request.query.clone();
    let find = move |conn: &mut Connection| store::read_labels(conn, &query);
    let bytes = |(labels, _): &FoundLabels| labels.iter().map(|label| size_of::<Label>() + label.name.len()).sum();
    // A long read: to count the posts of common names takes many index entries.
    let ((items, next), memory) = read(database, budget, caller, ReadCost::Long, MAX_MEMORY, find, bytes).await?;
    let page = LabelPage { items, next_cursor: next.map(|position| request.cursor(&position)) };
    let link = paging::link(path, query_string, page.next_cursor.as_deref(), None);
    Representation::of_hashed_read(link, &page, memory)
}
