//! A page of posts as the list answers it.

use std::borrow::Cow;

use actix_web::http::header::{EntityTag, HeaderValue};
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::posts::examples;
use crate::posts::list::Page;
use crate::posts::list::count::Total;
use crate::posts::list::params::ListRequest;
use crate::posts::list::query::Item;
use crate::posts::model::{Post, PostSummary};

/// A page of posts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::page)]
pub struct PostPage {
    #[schema(value_type = Vec<Post>)]
    pub items: Vec<Item>,
    /// The `cursor` of the page after this one; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the page before this one; null on the first.
    #[schema(required)]
    pub prev_cursor: Option<String>,
    /// How many posts the whole list has, where `count` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_is_estimate: Option<bool>,
}

/// A page of summaries: what `view=summary` answers.
#[derive(Serialize, ToSchema)]
#[schema(example = examples::summary_page)]
pub struct PostSummaryPage {
    pub items: Vec<PostSummary>,
    /// The `cursor` of the page after this one; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// The `cursor` of the page before this one; null on the first.
    #[schema(required)]
    pub prev_cursor: Option<String>,
    /// How many posts the whole list has, where `count` asks for it.
    #[schema(required = false, nullable = false)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate.
    #[schema(required = false, nullable = false)]
    pub total_is_estimate: Option<bool>,
}

/// What the list answers: a [`PostPage`] or a [`PostSummaryPage`]. An empty page is both, so it is `anyOf`.
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
    pub fn new(list: &ListRequest, page: Page, total: Option<Total>) -> Self {
        Self {
            next_cursor: page.next.as_ref().map(|place| list.cursor(place)),
            prev_cursor: page.previous.as_ref().map(|place| list.cursor(place)),
            items: page.items,
            total: total.map(|total| total.posts),
            total_is_estimate: total.map(|total| total.is_estimate),
        }
    }

    /// Strong: a post has the same bytes at the same version, so what is on the page tells what the page says.
    #[must_use]
    pub fn etag(&self) -> EntityTag {
        let mut digest = Sha256::new();
        for item in &self.items {
            let (kind, id, version) = item.identity();
            digest.update([kind]);
            digest.update(id.to_be_bytes());
            digest.update(version.to_be_bytes());
        }
        for cursor in [&self.next_cursor, &self.prev_cursor] {
            digest.update(cursor.as_deref().unwrap_or_default());
            digest.update([0]);
        }
        digest.update(format!("{:?} {:?}", self.total, self.total_is_estimate));
        let digest: [u8; 32] = digest.finalize().into();
        EntityTag::new_strong(HEXLOWER.encode(digest.first_chunk::<16>().unwrap_or(&[0; 16])))
    }

    /// The pages beside this one (RFC 8288): the same list with another cursor.
    #[must_use]
    pub fn link(&self, path: &str, query: &str) -> Option<HeaderValue> {
        let others: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor").collect();
        let to = |relation: &str, cursor: Option<&str>| {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(&others).extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
            let query = pairs.finish();
            let mark = if query.is_empty() { "" } else { "?" };
            format!("<{path}{mark}{query}>; rel=\"{relation}\"")
        };
        let beside = [("next", &self.next_cursor), ("prev", &self.prev_cursor)];
        let beside = beside
            .into_iter()
            .filter_map(|(relation, cursor)| cursor.as_deref().map(|cursor| to(relation, Some(cursor))));
        let links: Vec<String> = std::iter::once(to("first", None)).chain(beside).collect();
        HeaderValue::from_str(&links.join(", ")).ok()
    }
}
