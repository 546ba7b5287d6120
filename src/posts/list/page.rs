//! The response of the list: its JSON and its `Link` header.

use actix_web::http::header::HeaderValue;
use serde::Serialize;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::posts::examples;
use crate::posts::list::ListPage;
use crate::posts::list::count::Total;
use crate::posts::list::params::ListRequest;
use crate::posts::list::query::ListItem;
use crate::posts::model::{Post, PostSummary};
use crate::resource::paging;

/// A page of posts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::page)]
pub struct PostPage {
    #[schema(value_type = Vec<Post>)]
    pub items: Vec<ListItem>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the previous page. Null on the first page.
    #[schema(required)]
    pub prev_cursor: Option<String>,
    /// The number of posts in the whole list. Present only if `count` is `exact` or `estimated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate. Present only with `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_is_estimate: Option<bool>,
}

/// A page of post summaries, as lists return it with `view=summary`.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::summary_page)]
pub struct PostSummaryPage {
    pub items: Vec<PostSummary>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the previous page. Null on the first page.
    #[schema(required)]
    pub prev_cursor: Option<String>,
    /// The number of posts in the whole list. Present only if `count` is `exact` or `estimated`.
    #[schema(required = false, nullable = false)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate. Present only with `total`.
    #[schema(required = false, nullable = false)]
    pub total_is_estimate: Option<bool>,
}

/// The schema of the response: a [`PostPage`] or a [`PostSummaryPage`]. An empty page matches both, so it is `anyOf`.
pub struct PostList;

impl PartialSchema for PostList {
    fn schema() -> RefOr<Schema> {
        let pages = [PostPage::name(), PostSummaryPage::name()];
        let any = pages.iter().fold(AnyOfBuilder::new(), |any, name| any.item(Ref::from_schema_name(name.as_ref())));
        Schema::AnyOf(any.build()).into()
    }
}

impl ToSchema for PostList {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PostPage::name().into(), PostPage::schema()));
        PostPage::schemas(schemas);
        schemas.push((PostSummaryPage::name().into(), PostSummaryPage::schema()));
        PostSummaryPage::schemas(schemas);
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

    /// The `Link` header (RFC 8288) with the URLs of the first, next, and previous pages.
    #[must_use]
    pub fn link(&self, path: &str, query: &str) -> Option<HeaderValue> {
        paging::link(path, query, self.next_cursor.as_deref(), self.prev_cursor.as_deref())
    }
}
