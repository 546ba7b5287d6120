//! The `Link` header of a page (RFC 8288).

use std::borrow::Cow;

use actix_web::http::header::HeaderValue;
use url::form_urlencoded;

/// The URLs of the first, next, and previous pages. `path` and `query` are those of the request, `next` and `previous`
/// the cursors of the adjacent pages.
#[must_use]
pub fn link(path: &str, query: &str, next: Option<&str>, previous: Option<&str>) -> Option<HeaderValue> {
    let parameters: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor").collect();
    let link = |relation: &str, cursor: Option<&str>| {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(&parameters).extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let query = pairs.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("<{path}{separator}{query}>; rel=\"{relation}\"")
    };
    let adjacent = [("next", next), ("prev", previous)]
        .into_iter()
        .filter_map(|(relation, cursor)| cursor.map(|cursor| link(relation, Some(cursor))));
    let links: Vec<String> = std::iter::once(link("first", None)).chain(adjacent).collect();
    HeaderValue::from_str(&links.join(", ")).ok()
}
