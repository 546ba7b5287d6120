//! The query string before a request is routed: removes the parameters that no route reads.
//!
//! Everything after it sees the shorter URL: the key of the response cache, the handlers, and the URLs in `Link`. A
//! newsletter that links to `?utm_source=…` therefore neither fills the cache nor gets an error.

use std::collections::HashSet;

use actix_web::dev::ServiceRequest;
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};
use actix_web::web;
use url::form_urlencoded;

/// The prefixes of parameters that analytics tools add to links. `docs/api/stability.md` lists them.
pub const IGNORED_PREFIXES: [&str; 2] = ["utm_", "mtm_"];

/// The parameters that analytics tools and advertising networks add to links. `docs/api/stability.md` lists them.
pub const IGNORED_NAMES: [&str; 26] = [
    "__hsfp", "__hssc", "__hstc", "_ga", "_gl", "_hsenc", "_hsmi", "dclid", "epik", "fbclid", "gad_source", "gbraid",
    "gclid", "gclsrc", "igshid", "li_fat_id", "mc_cid", "mc_eid", "mkt_tok", "msclkid", "rdt_cid", "srsltid", "ttclid",
    "twclid", "wbraid", "yclid",
];

/// The path templates of the routes that have query parameters. All other routes ignore the query string.
#[derive(Debug, Clone)]
pub struct QueryRoutes(pub HashSet<String>);

impl QueryRoutes {
    /// Whether the route of the request has query parameters. The path of most requests with a query string is a
    /// template without placeholders, so this compares it before it searches for the route.
    fn include(&self, request: &ServiceRequest) -> bool {
        let path = request.match_info().as_str();
        let template = || request.resource_map().match_pattern(path);
        self.0.contains(path) || template().is_some_and(|template| self.0.contains(&template))
    }
}

/// Removes the ignored parameters from the URL of a read: those of analytics tools, and on a route without query
/// parameters all of them.
pub(crate) fn remove_ignored(request: &mut ServiceRequest) {
    let Some(query) = request.uri().query() else { return };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return;
    }
    let routes = request.app_data::<web::Data<QueryRoutes>>();
    let has_parameters = routes.is_none_or(|routes| routes.include(request));
    let remaining = if has_parameters { without_ignored(query) } else { String::new() };
    if remaining == query && !query.is_empty() {
        return;
    }
    if let Some(uri) = with_query(request.uri(), &remaining) {
        request.head_mut().uri = uri;
    }
}

fn without_ignored(query: &str) -> String {
    let remains = |pair: &&str| !pair.is_empty() && !is_ignored(pair);
    query.split('&').filter(remains).collect::<Vec<_>>().join("&")
}

/// Whether analytics tools add this pair, such as `utm_source=news`.
fn is_ignored(pair: &str) -> bool {
    form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| {
        IGNORED_NAMES.contains(&&*name) || IGNORED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

fn with_query(uri: &Uri, query: &str) -> Option<Uri> {
    let separator = if query.is_empty() { "" } else { "?" };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}{separator}{query}", uri.path())).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_parameters_are_removed() {
        for (query, remaining) in [
            ("utm_source=a&limit=2", "limit=2"),
            ("limit=2&gclid=a&tag=b&fbclid", "limit=2&tag=b"),
            ("utm%5Fsource=a", ""),
            ("utm_=&mc_cid=1&mc_eid=2&&", ""),
            ("slug%5B%5D=a&q=utm_source%3Db", "slug%5B%5D=a&q=utm_source%3Db"),
            ("utm=a&UTM_source=a&gclids=a&xfbclid=a", "utm=a&UTM_source=a&gclids=a&xfbclid=a"),
        ] {
            assert_eq!(without_ignored(query), remaining, "{query}");
        }
    }

    #[test]
    fn path_is_unchanged() {
        let uri = Uri::from_static("/api/p%6Fsts?utm_source=a");
        assert_eq!(with_query(&uri, "").unwrap(), Uri::from_static("/api/p%6Fsts"));
        assert_eq!(with_query(&uri, "limit=1").unwrap(), Uri::from_static("/api/p%6Fsts?limit=1"));
    }
}
