//! The query string of the list: from text to a [`ListRequest`].

use std::borrow::Cow;

use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::http::ApiError;
use crate::http::extract::query::{QueryValue, enum_param, invalid_parameter, query_params};
use crate::posts::labels::{self, LabelKind};
use crate::posts::list::count::Count;
use crate::posts::list::query::{Column, CursorPosition, Filter, ListQuery, Order, SearchFilter, Sort, View};
use crate::posts::list::search::{MAX_SEARCH, Search, SearchError};
use crate::posts::validate;
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the list.
    pub(crate) struct ListParams {
        /// The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of content,
        /// without an API key at 1 MiB.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
        limit: Option<LimitParam>,
        /// `next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count` may
        /// differ from the request that returned it.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
        /// The order of the posts; `-` means descending. Posts with equal values are ordered by id. If omitted, the
        /// order is `relevance` with `q`, and otherwise `-id`. `relevance` requires `q`: posts whose title contains all
        /// words come first, then the newest.
        #[param(inline)]
        sort: Option<SortParam>,
        /// `true` lists published posts, `false` lists drafts, and `any` lists both. If omitted, the list has published
        /// posts. `false` and `any` require an API key.
        #[param(inline)]
        published: Option<PublishedParam>,
        /// Returns only posts with one of these slugs. Can be repeated up to 100 times.
        #[param(max_items = 100, explode = true, value_type = Option<Vec<SlugParam>>, inline)]
        slug: Vec<SlugParam>,
        /// Returns only posts with this tag, ignoring ASCII case. Can be repeated up to 10 times, for posts with any of
        /// the tags.
        #[param(max_items = 10, explode = true, value_type = Option<Vec<TagParam>>, inline)]
        tag: Vec<TagParam>,
        /// Returns only posts by this author, ignoring ASCII case. Can be repeated up to 10 times, for posts by any of
        /// the authors.
        #[param(max_items = 10, explode = true, value_type = Option<Vec<AuthorParam>>, inline)]
        author: Vec<AuthorParam>,
        /// Returns only posts published after this time.
        #[param(value_type = Option<String>, format = DateTime)]
        published_after: Option<TimeParam>,
        /// Returns only posts published before this time.
        #[param(value_type = Option<String>, format = DateTime)]
        published_before: Option<TimeParam>,
        /// Returns only posts changed after this time.
        #[param(value_type = Option<String>, format = DateTime)]
        updated_after: Option<TimeParam>,
        /// Returns only posts changed before this time.
        #[param(value_type = Option<String>, format = DateTime)]
        updated_before: Option<TimeParam>,
        /// Returns only posts that contain all of these words in title or content, for example `rust async*`.
        /// `"Quotes"` match a phrase, `word*` matches a prefix; case and diacritics are ignored. At most 20 words, of
        /// which at most 4 are prefixes.
        #[param(value_type = Option<String>, max_length = 500)]
        q: Option<SearchParam>,
        /// `full` returns each post with its `content`, `summary` with an `excerpt` instead. If omitted, posts are
        /// full.
        #[param(inline)]
        view: Option<ViewParam>,
        /// `exact` and `estimated` add `total` and `total_is_estimate` to the response; `none`, or no value, does not.
        /// `estimated` is exact up to 10,000 posts and costs less. Without an API key, `exact` is exact up to 100,000
        /// posts, and an estimate above.
        #[param(inline)]
        count: Option<CountParam>,
    }
}

enum_param! {
    SortParam(Sort) {
        "-id" => Sort::By(Column::Id, Order::Descending),
        "id" => Sort::By(Column::Id, Order::Ascending),
        "-published_at" => Sort::By(Column::PublishedAt, Order::Descending),
        "published_at" => Sort::By(Column::PublishedAt, Order::Ascending),
        "-updated_at" => Sort::By(Column::UpdatedAt, Order::Descending),
        "updated_at" => Sort::By(Column::UpdatedAt, Order::Ascending),
        "title" => Sort::By(Column::Title, Order::Ascending),
        "-title" => Sort::By(Column::Title, Order::Descending),
        "relevance" => Sort::Relevance,
    }
}

enum_param! {
    PublishedParam(Option<bool>) { "true" => Some(true), "false" => Some(false), "any" => None, }
}

enum_param! {
    ViewParam(View) { "full" => View::Full, "summary" => View::Summary, }
}

enum_param! {
    CountParam(Count) { "none" => Count::None, "exact" => Count::Exact, "estimated" => Count::Estimated, }
}

pub(crate) struct TimeParam(Timestamp);

impl QueryValue for TimeParam {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        text.parse().map(Self).map_err(|_| {
            "must be an RFC 3339 time such as 2026-01-31T12:00:00Z; encode the + of a time zone offset as %2B".into()
        })
    }
}

/// The slug of a post.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
pub(crate) struct SlugParam(String);

impl QueryValue for SlugParam {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        validate::slug(text.to_owned()).map(Self).map_err(|invalid| invalid.detail)
    }
}

/// A tag of a post.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 100)]
pub(crate) struct TagParam(String);

impl QueryValue for TagParam {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        label(LabelKind::Tag, text).map(Self)
    }
}

/// An author of a post.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 200)]
pub(crate) struct AuthorParam(String);

impl QueryValue for AuthorParam {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        label(LabelKind::Author, text).map(Self)
    }
}

/// The label in the form in which it is compared.
fn label(kind: LabelKind, text: &str) -> Result<String, Cow<'static, str>> {
    labels::name(kind, text).map(|name| labels::fold(&name)).map_err(|invalid| invalid.detail)
}

pub(crate) struct SearchParam(SearchFilter);

impl QueryValue for SearchParam {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        if text.chars().count() > MAX_SEARCH {
            return Err("must be at most 500 characters".into());
        }
        match Search::parse(text) {
            Ok(search) => Ok(Self(SearchFilter::For(search))),
            Err(SearchError::NoWords) => Ok(Self(SearchFilter::Nothing)),
            Err(SearchError::TooComplex) => Err("must be at most 20 words, of which at most 4 are prefixes".into()),
        }
    }
}

/// A requested page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub query: ListQuery,
    pub count: Count,
    /// Part of each cursor, so that a cursor of another list is rejected.
    list: ListId,
}

impl ListRequest {
    /// # Errors
    /// A parameter is unknown, repeated, or invalid, or the cursor belongs to another list.
    pub fn parse(query_string: &str) -> Result<Self, ApiError> {
        let params = ListParams::parse(query_string)?;
        let search = params.q.map_or(SearchFilter::Off, |SearchParam(search)| search);
        let SortParam(sort) = match params.sort {
            Some(SortParam(Sort::Relevance)) if search == SearchFilter::Off => {
                return Err(invalid_parameter("sort", "relevance requires the parameter q"));
            }
            None if search != SearchFilter::Off => SortParam(Sort::Relevance),
            sort => sort.unwrap_or_default(),
        };
        let filter = Filter {
            published: params.published.unwrap_or_default().0,
            slugs: unique("slug", 100, params.slug.into_iter().map(|SlugParam(slug)| slug))?,
            published_after: params.published_after.map(|TimeParam(time)| time),
            published_before: params.published_before.map(|TimeParam(time)| time),
            updated_after: params.updated_after.map(|TimeParam(time)| time),
            updated_before: params.updated_before.map(|TimeParam(time)| time),
            search,
            tags: unique("tag", MAX_LABELS, params.tag.into_iter().map(|TagParam(tag)| tag))?,
            authors: unique("author", MAX_LABELS, params.author.into_iter().map(|AuthorParam(author)| author))?,
        };
        let LimitParam(limit) = params.limit.unwrap_or_default();
        let ViewParam(view) = params.view.unwrap_or_default();
        let CountParam(count) = params.count.unwrap_or_default();
        let list = ListId::of(&(&filter, sort))?;
        let position = params.cursor.map(|cursor| decode(&cursor, list, sort)).transpose()?;
        Ok(Self { query: ListQuery { filter, sort, limit, position, view }, count, list })
    }

    pub(crate) fn cost(&self) -> ReadCost {
        let SearchFilter::For(search) = &self.query.filter.search else {
            let is_indexed = self.query.filter.is_indexed() && self.count == Count::None;
            return if is_indexed { ReadCost::Indexed } else { ReadCost::Long };
        };
        let is_simple = search.phrases().next().is_none() && self.count == Count::None;
        if self.query.is_search_by_id() && is_simple { ReadCost::Search } else { ReadCost::Long }
    }

    /// The cursor of another page of this list.
    #[must_use]
    pub fn cursor(&self, position: &CursorPosition) -> String {
        self.list.cursor(position)
    }
}

/// What a read may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadCost {
    /// It reads only a few rows by index: for a list, a range of an index.
    Indexed,
    /// It searches for words by their index, in its order, and reads no other posts.
    Search,
    /// It may read all posts.
    Long,
}

/// The maximum number of tags, and of authors, to filter by: each one is a scan of an index.
const MAX_LABELS: usize = 10;

/// Sorts the values of a repeated parameter and removes duplicates, so that their order in the request affects neither
/// the list nor its cursors.
fn unique(name: &str, max: usize, values: impl ExactSizeIterator<Item = String>) -> Result<Vec<String>, ApiError> {
    if values.len() > max {
        return Err(invalid_parameter(name, format!("must be given at most {max} times")));
    }
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn decode(cursor: &str, list: ListId, sort: Sort) -> Result<CursorPosition, ApiError> {
    let position = list.position(cursor)?;
    if sort.accepts(&position) { Ok(position) } else { Err(ApiError::InvalidCursor) }
}
