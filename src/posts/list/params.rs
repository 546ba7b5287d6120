//! The query string of the list: from text to a [`ListRequest`].

use std::borrow::Cow;

use utoipa::ToSchema;

use crate::db::Timestamp;
use crate::http::ApiError;
use crate::http::extract::query::{QueryValue, enum_param, invalid_parameter, query_params};
use crate::posts::list::count::Count;
use crate::posts::list::query::{Column, CursorPosition, Filter, ListQuery, Order, SearchFilter, Sort, View};
use crate::posts::list::search::{MAX_SEARCH, Search, SearchError};
use crate::posts::model;
use crate::resource::paging::{LimitParam, ListId};

query_params! {
    /// The parameters of the list.
    pub(crate) struct ListParams {
        /// The maximum number of posts on the page. A page also ends at 8 MiB of content, without an API key at 1 MiB.
        #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 20)]
        limit: Option<LimitParam>,
        /// `next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count` may differ from
        /// the request that returned it.
        #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
        cursor: Option<String>,
        /// The order of the posts; `-` means descending. Posts with equal values are ordered by id. `relevance` requires `q`,
        /// and is the default with it: posts whose title contains all words come first, then the newest.
        #[param(inline)]
        sort: Option<SortParam>,
        /// `false` lists drafts, `any` lists drafts and published posts. Both require an API key.
        #[param(inline)]
        published: Option<PublishedParam>,
        /// Returns only posts with one of these slugs. Can be repeated up to 100 times.
        #[param(max_items = 100, explode = true, value_type = Option<Vec<SlugParam>>, inline)]
        slug: Vec<SlugParam>,
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
        /// Returns only posts that contain all of these words in title or content, for example `rust async*`. `"Quotes"`
        /// match a phrase, `word*` matches a prefix; case and diacritics are ignored. At most 20 words, of which at most 4
        /// are prefixes.
        #[param(value_type = Option<String>, max_length = 500)]
        q: Option<SearchParam>,
        /// `summary` returns an `excerpt` instead of the `content`.
        #[param(inline)]
        view: Option<ViewParam>,
        /// Adds `total` and `total_is_estimate` to the response. `estimated` is exact up to 10,000 posts and costs less.
        /// Without an API key, `exact` is exact up to 100,000 posts, and an estimate above.
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
        model::slug(text.to_owned()).map(Self).map_err(|invalid| invalid.detail)
    }
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
            slugs: slugs(params.slug)?,
            published_after: params.published_after.map(|TimeParam(time)| time),
            published_before: params.published_before.map(|TimeParam(time)| time),
            updated_after: params.updated_after.map(|TimeParam(time)| time),
            updated_before: params.updated_before.map(|TimeParam(time)| time),
            search,
        };
        let LimitParam(limit) = params.limit.unwrap_or_default();
        let ViewParam(view) = params.view.unwrap_or_default();
        let CountParam(count) = params.count.unwrap_or_default();
        let list = ListId::of(&(&filter, sort))?;
        let position = params.cursor.map(|cursor| decode(&cursor, list, sort)).transpose()?;
        Ok(Self { query: ListQuery { filter, sort, limit, position, view }, count, list })
    }

    /// Whether the page is a range of an index: the request has no search, no filter except `published`, and no count.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.query.filter.is_indexed() && self.count == Count::None
    }

    /// The cursor of another page of this list.
    #[must_use]
    pub fn cursor(&self, position: &CursorPosition) -> String {
        self.list.cursor(position)
    }
}

/// Sorts the slugs and removes duplicates, so that their order in the request affects neither the list nor its cursors.
fn slugs(params: Vec<SlugParam>) -> Result<Vec<String>, ApiError> {
    const MAX_SLUGS: usize = 100;
    if params.len() > MAX_SLUGS {
        return Err(invalid_parameter("slug", "must be given at most 100 times"));
    }
    let mut slugs: Vec<String> = params.into_iter().map(|SlugParam(slug)| slug).collect();
    slugs.sort_unstable();
    slugs.dedup();
    Ok(slugs)
}

fn decode(cursor: &str, list: ListId, sort: Sort) -> Result<CursorPosition, ApiError> {
    let position = list.position(cursor)?;
    if sort.accepts(&position) { Ok(position) } else { Err(ApiError::InvalidCursor) }
}
