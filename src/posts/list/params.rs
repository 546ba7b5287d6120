//! The query string of the list: from text to a [`ListQuery`].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::db::Timestamp;
use crate::http::ApiError;
use crate::http::extract::query::{Params, refuse};
use crate::posts::list::count::Count;
use crate::posts::list::query::{Column, CursorPosition, Filter, ListQuery, Order, SearchFilter, Sort, View};
use crate::posts::list::search::{MAX_SEARCH, NoSearch, Search};
use crate::posts::model;
use crate::resource::paging;

/// What the list takes, for the OpenAPI document; [`ListRequest::parse`] reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "its fields are only described")]
pub(crate) struct ListParams {
    /// Posts on a page. A page also ends at 8 MiB of content.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u8>,
    /// `next_cursor` or `prev_cursor` of another page of the same list: only `limit`, `view` and `count` may differ.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    /// In what order; posts that are equal in it are ordered by id. `relevance` takes `q` and is the default with it:
    /// posts whose title has all the words come first, then the newest.
    #[param(inline)]
    sort: Option<SortParam>,
    /// `false` lists drafts, `any` drafts and published posts; both take a key.
    #[param(inline)]
    published: Option<PublishedParam>,
    /// Only posts with one of these slugs; may be given up to 100 times.
    #[param(max_items = 100, explode = true, value_type = Option<Vec<SlugParam>>, inline)]
    slug: Option<Vec<String>>,
    /// Only posts published after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    published_after: Option<String>,
    /// Only posts published before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    published_before: Option<String>,
    /// Only posts changed after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    updated_after: Option<String>,
    /// Only posts changed before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    updated_before: Option<String>,
    /// Only posts with all these words in title or content, as in `rust async*`. "Quotes" make a phrase, `word*` is a
    /// prefix; case and diacritics do not matter. At most 20 words, of which at most 4 are prefixes.
    #[param(max_length = 500)]
    q: Option<String>,
    /// `summary` gives an `excerpt` in place of the `content`.
    #[param(inline)]
    view: Option<ViewParam>,
    /// Adds `total` and `total_is_estimate`. An estimate is exact up to 10,000 and costs the same however many there
    /// are.
    #[param(inline)]
    count: Option<CountParam>,
}

/// The slug of a post.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 200, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
#[expect(dead_code, reason = "it is only described")]
struct SlugParam(String);

/// Declares the values that a parameter takes, with what each one means; the first one is the default.
macro_rules! values {
    ($(#[$meta:meta])* $name:ident -> $type:ty { $default:literal => $value:expr, $($text:literal => $other:expr,)* }) => {
        $(#[$meta])*
        struct $name;

        impl $name {
            const TAKES: &str = concat!("takes one of ", $default, $(" ", $text,)*);

            fn parse(text: &str) -> Option<$type> {
                match text { $default => Some($value), $($text => Some($other),)* _ => None }
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let values = [$default, $($text,)*];
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some(values))
                    .default(Some($default.into()))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

values! {
    /// The values of `sort`.
    SortParam -> Sort {
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

values! {
    /// The values of `published`.
    PublishedParam -> Option<bool> { "true" => Some(true), "false" => Some(false), "any" => None, }
}

values! {
    /// The values of `view`.
    ViewParam -> View { "full" => View::Full, "summary" => View::Summary, }
}

values! {
    /// The values of `count`.
    CountParam -> Count { "none" => Count::None, "exact" => Count::Exact, "estimated" => Count::Estimated, }
}

/// A list as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub query: ListQuery,
    pub count: Count,
    /// What a cursor of this list begins with.
    list: ListId,
}

/// Tells lists apart that differ in filter or order.
type ListId = u64;

/// What a cursor holds.
#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    #[serde(rename = "l")]
    list: ListId,
    #[serde(flatten)]
    position: P,
}

impl ListRequest {
    /// # Errors
    /// A parameter that is unknown, repeated or wrong, or a cursor of another list.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let mut params = Params::parse(query);
        let limit = choice(&mut params, "limit", LIMIT, limit)?.unwrap_or(20);
        let search = search(&mut params)?;
        let by_default = if search == SearchFilter::Off { SortParam::parse("-id") } else { Some(Sort::Relevance) };
        let sort = choice(&mut params, "sort", SortParam::TAKES, SortParam::parse)?.or(by_default);
        let sort = sort.ok_or_else(|| refuse("sort", SortParam::TAKES))?;
        if sort == Sort::Relevance && search == SearchFilter::Off {
            return Err(refuse("sort", "takes relevance only together with q"));
        }
        let filter = Filter {
            published: choice(&mut params, "published", PublishedParam::TAKES, PublishedParam::parse)?
                .unwrap_or(Some(true)),
            slugs: slugs(&mut params)?,
            published_after: time(&mut params, "published_after")?,
            published_before: time(&mut params, "published_before")?,
            updated_after: time(&mut params, "updated_after")?,
            updated_before: time(&mut params, "updated_before")?,
            search,
        };
        let view = choice(&mut params, "view", ViewParam::TAKES, ViewParam::parse)?.unwrap_or(View::Full);
        let count = choice(&mut params, "count", CountParam::TAKES, CountParam::parse)?.unwrap_or(Count::None);
        let cursor: Option<String> = params.take("cursor", "takes a cursor")?;
        params.finish()?;
        let list = list_id(&filter, sort)?;
        let position = cursor.map(|cursor| position(&cursor, list, sort)).transpose()?;
        Ok(Self { query: ListQuery { filter, sort, limit, position, view }, count, list })
    }

    /// Whether the page is found by an index alone: nothing is searched, passed over or counted.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.query.filter.is_indexed() && self.count == Count::None
    }

    /// The cursor of a page of this list.
    #[must_use]
    pub fn cursor(&self, position: &CursorPosition) -> String {
        paging::encode(&Cursor { list: self.list, position })
    }
}

const LIMIT: &str = "takes a whole number from 1 to 100";

/// One spelling per number: no sign, no leading zero.
fn limit(text: &str) -> Option<u8> {
    if text.starts_with(['+', '0']) {
        return None;
    }
    text.parse().ok().filter(|limit| (1..=100).contains(limit))
}

fn choice<T>(
    params: &mut Params<'_>,
    name: &str,
    takes: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    let given: Option<String> = params.take(name, takes)?;
    given.map(|text| parse(&text).ok_or_else(|| refuse(name, takes))).transpose()
}

fn time(params: &mut Params<'_>, name: &str) -> Result<Option<Timestamp>, ApiError> {
    params.take(name, "takes an RFC 3339 time such as 2026-01-31T12:00:00Z; write the + of an offset as %2B")
}

fn search(params: &mut Params<'_>) -> Result<SearchFilter, ApiError> {
    const TAKES: &str = "takes at most 500 characters";
    let Some(text) = params.take::<String>("q", TAKES)? else { return Ok(SearchFilter::Off) };
    if text.chars().count() > MAX_SEARCH {
        return Err(refuse("q", TAKES));
    }
    match Search::parse(&text) {
        Ok(search) => Ok(SearchFilter::For(search)),
        Err(NoSearch::Empty) => Ok(SearchFilter::Nothing),
        Err(NoSearch::TooMuch) => Err(refuse("q", "takes at most 20 words, of which at most 4 are prefixes")),
    }
}

fn slugs(params: &mut Params<'_>) -> Result<Vec<String>, ApiError> {
    const MAX_SLUGS: usize = 100;
    let slugs = params.take_all("slug");
    if slugs.len() > MAX_SLUGS {
        return Err(refuse("slug", "may be given at most 100 times"));
    }
    let slugs = slugs.into_iter().map(|slug| model::slug(slug).map_err(|invalid| refuse("slug", invalid.detail)));
    let mut slugs = slugs.collect::<Result<Vec<_>, _>>()?;
    // A list is the same in whichever order its slugs are named, and so is its cursor.
    slugs.sort_unstable();
    slugs.dedup();
    Ok(slugs)
}

fn position(cursor: &str, list: ListId, sort: Sort) -> Result<CursorPosition, ApiError> {
    let cursor: Cursor<CursorPosition> = paging::decode(cursor)?;
    if cursor.list == list && sort.accepts(&cursor.position) {
        Ok(cursor.position)
    } else {
        Err(ApiError::InvalidCursor)
    }
}

/// The same for the same filter and order, on every instance.
fn list_id(filter: &Filter, sort: Sort) -> Result<ListId, ApiError> {
    let list = serde_json::to_vec(&(filter, sort)).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    let digest: [u8; 32] = Sha256::digest(list).into();
    // JSON keeps integers up to 2^53 everywhere.
    Ok(u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()) >> 11)
}
