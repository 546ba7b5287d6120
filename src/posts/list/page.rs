//! The response of the list: its JSON and its `Link` header.

use std::borrow::Cow;

use actix_web::http::header::HeaderValue;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::posts::examples;
use crate::posts::list::ListPage;
use crate::posts::list::count::Total;
use crate::posts::list::item::ListItem;
use crate::posts::list::params::ListRequest;
use crate::posts::model::{Post, PostSummary};
use crate::resource::paging;

/// A page of posts.
#[derive(Debug, ToSchema)]
#[schema(examples(json!(examples::full_page()), json!(examples::summary_page())))]
pub struct PostPage {
    /// The posts, in the order of the list.
    #[schema(max_items = 100)]
    pub items: Vec<ListItem>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the previous page. Null on the first page.
    #[schema(required)]
    pub prev_cursor: Option<String>,
    /// The number of posts in the whole list. Present only if `count` is `exact` or `estimated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate. Present only with `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_is_estimate: Option<bool>,
}

const ITEMS: &[u8] = b"{\"items\":[";

/// The fields of a page after its items.
#[derive(Serialize)]
struct PageEnd<'a> {
    next_cursor: Option<&'a str>,
    prev_cursor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_estimate: Option<bool>,
}

impl PartialSchema for ListItem {
    /// One schema for both views, with the properties of either. An `anyOf` of two schemas loses properties in
    /// generated clients, or cannot be decoded by them.
    fn schema() -> RefOr<Schema> {
        let (mut item, summary) = match (Post::schema(), PostSummary::schema()) {
            (RefOr::T(Schema::Object(post)), RefOr::T(Schema::Object(summary))) => (post, summary),
            (other, _) => return other,
        };
        item.description = Some(
            "A post in a list. It has the `content` with `view=full`, and the `excerpt` with `view=summary`."
                .to_owned(),
        );
        item.required.retain(|name| summary.required.contains(name));
        let after_content = item.properties.get_index_of("content").map_or(0, |index| index + 1);
        for (name, property) in summary.properties {
            if !item.properties.contains_key(&name) {
                item.properties.shift_insert(after_content, name, property);
            }
        }
        Schema::Object(item).into()
    }
}

impl ToSchema for ListItem {
    fn name() -> Cow<'static, str> {
        "PostListItem".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Post::schemas(schemas);
        PostSummary::schemas(schemas);
    }
}

impl PostPage {
    #[must_use]
    pub fn new(list: &ListRequest, page: ListPage, total: Option<Total>) -> Self {
        Self {
            next_cursor: page.next.as_ref().map(|position| list.cursor(position)),
            prev_cursor: page.previous.as_ref().map(|position| list.cursor(position)),
            items: page.items,
            total: total.map(|total| total.posts),
            total_is_estimate: total.map(|total| total.is_estimate),
        }
    }

    /// The JSON of the page. The items are JSON already.
    ///
    /// # Errors
    /// The cursors or the total cannot be serialized.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let end = serde_json::to_vec(&PageEnd {
            next_cursor: self.next_cursor.as_deref(),
            prev_cursor: self.prev_cursor.as_deref(),
            total: self.total,
            total_is_estimate: self.total_is_estimate,
        })?;
        let items: usize = self.items.iter().map(|item| item.json().len() + 1).sum();
        let mut json = Vec::with_capacity(ITEMS.len() + items + end.len() + 1);
        json.extend_from_slice(ITEMS);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            json.extend_from_slice(item.json());
        }
        json.extend_from_slice(b"],");
        json.extend_from_slice(end.strip_prefix(b"{").unwrap_or_default());
        Ok(json)
    }

    /// The `Link` header (RFC 8288) with the URLs of the first, next, and previous pages.
    #[must_use]
    pub fn link(&self, path: &str, query: &str) -> Option<HeaderValue> {
        paging::link(path, query, self.next_cursor.as_deref(), self.prev_cursor.as_deref())
    }
}
