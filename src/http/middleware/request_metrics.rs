//! Counts the requests: by route, method and status, how long they took, and which problems they met.
//!
//! What counts them is a table made at the start. Whatever strangers send falls into one of its cells, so that nothing
//! grows: a method that is none of HTTP's own is `OTHER`, and all paths that are no route's are one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::web;

use crate::http::error::code::ErrorCode;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// In microseconds. An answer from the cache takes some 10.
const TIMES: &[u64] = &[
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"];
/// Every status that the service answers; another one is counted as `other`.
const STATUSES: [u16; 25] = [
    200, 201, 204, 304, 307, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 428, 429, 431, 500, 501, 502, 503,
    504, 507,
];
/// What stands for the status of a request whose client has gone before it was answered.
const ABANDONED: usize = STATUSES.len() + 1;
/// The label of all paths that are no route's.
const UNMATCHED: &str = "unmatched";

/// The table.
#[derive(Debug)]
pub struct Requests {
    routes: Box<[Route]>,
    problems: Box<[(&'static ErrorCode, AtomicU64)]>,
}

#[derive(Debug)]
struct Route {
    template: String,
    /// One for each of [`METHODS`].
    cells: Box<[Cell]>,
}

#[derive(Debug)]
struct Cell {
    /// One for each of [`STATUSES`], one for all others, and one for those without an answer.
    statuses: Box<[AtomicU64]>,
    times: Histogram,
}

/// Requests of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Served<'a> {
    /// The route's template, or `unmatched`.
    pub route: &'a str,
    pub method: &'static str,
    /// How many had which status: its number, `other`, or `abandoned` where the client had gone before the answer.
    pub statuses: Vec<(String, u64)>,
    pub times: HistogramSnapshot,
}

impl Requests {
    /// Of two templates that both match a path the first one is taken, as in routing.
    #[must_use]
    pub fn new(templates: impl IntoIterator<Item = String>, codes: impl Iterator<Item = &'static ErrorCode>) -> Self {
        let routes = templates.into_iter().chain([UNMATCHED.to_owned()]).map(Route::new).collect();
        Self { routes, problems: codes.map(|code| (code, AtomicU64::new(0))).collect() }
    }

    /// All kinds of requests that there were.
    pub fn served(&self) -> impl Iterator<Item = Served<'_>> {
        self.routes.iter().flat_map(|route| {
            let cells = METHODS.iter().zip(&route.cells);
            cells.filter_map(|(method, cell)| cell.served(&route.template, method))
        })
    }

    /// How often each problem was answered.
    pub fn problems(&self) -> impl Iterator<Item = (&'static ErrorCode, u64)> {
        self.problems.iter().map(|(code, count)| (*code, count.load(Ordering::Relaxed)))
    }

    /// The place of the route that has this path; the last one is that of those that no route has.
    fn route(&self, path: &str) -> usize {
        let unmatched = self.routes.len().saturating_sub(1);
        self.routes.iter().position(|route| fits(&route.template, path)).unwrap_or(unmatched)
    }
}

impl Route {
    fn new(template: String) -> Self {
        Self { template, cells: METHODS.iter().map(|_| Cell::new()).collect() }
    }
}

impl Cell {
    fn new() -> Self {
        Self { statuses: zeros(ABANDONED + 1), times: Histogram::of_durations(TIMES) }
    }

    fn note(&self, began: Instant, status: Option<StatusCode>) {
        let index = status.map_or(ABANDONED, |status| {
            STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len())
        });
        if let Some(count) = self.statuses.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.times.record_duration(began.elapsed());
    }

    fn served<'a>(&self, route: &'a str, method: &'static str) -> Option<Served<'a>> {
        let names = STATUSES.iter().map(u16::to_string).chain(["other".to_owned(), "abandoned".to_owned()]);
        let statuses: Vec<_> = names
            .zip(self.statuses.iter().map(|count| count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if statuses.is_empty() { None } else { Some(Served { route, method, statuses, times: self.times.snapshot() }) }
    }
}

fn zeros(count: usize) -> Box<[AtomicU64]> {
    std::iter::repeat_with(AtomicU64::default).take(count).collect()
}

fn method_index(method: &Method) -> usize {
    let other = METHODS.len() - 1;
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(other)
}

/// Whether a route's template, such as `/api/posts/{id}`, has this path.
fn fits(template: &str, path: &str) -> bool {
    let Some((prefix, _)) = template.split_once('{') else { return template == path };
    path.starts_with(prefix)
        && template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(expected, given)| expected == given || (expected.starts_with('{') && !given.is_empty()))
}

/// A request that is being carried out. Dropped before its end, its client has gone.
pub(crate) struct Watch {
    requests: web::Data<Requests>,
    /// Its place in the table.
    route: usize,
    method: usize,
    began: Instant,
    status: Option<StatusCode>,
}

impl Watch {
    /// `None` where nobody counts.
    pub(crate) fn begin(request: &ServiceRequest) -> Option<Self> {
        let requests = request.app_data::<web::Data<Requests>>()?.clone();
        // As the router reads it: decoded where that does not change what it means.
        let route = requests.route(request.match_info().as_str());
        let method = method_index(request.method());
        Some(Self { requests, route, method, began: Instant::now(), status: None })
    }

    /// The template of its route.
    pub(crate) fn route(&self) -> &str {
        self.requests.routes.get(self.route).map_or(UNMATCHED, |route| &route.template)
    }

    /// It is answered.
    pub(crate) fn end(mut self, status: StatusCode, problem: Option<&ErrorCode>) {
        let counter = problem.and_then(|code| self.requests.problems.iter().find(|(known, _)| *known == code));
        if let Some((_, count)) = counter {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.status = Some(status);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let route = self.requests.routes.get(self.route);
        if let Some(cell) = route.and_then(|route| route.cells.get(self.method)) {
            cell.note(self.began, self.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_counted_for_the_first_template_that_has_it() {
        let requests = Requests::new(["/a", "/a/b", "/a/{x}", "/a/{x}/y"].map(str::to_owned), std::iter::empty());
        let found = |path: &str| requests.routes[requests.route(path)].template.as_str();
        for (path, template) in [
            ("/a", "/a"),
            ("/a/b", "/a/b"),
            ("/a/c", "/a/{x}"),
            ("/a/c/y", "/a/{x}/y"),
            ("/a/", UNMATCHED),
            ("/a//y", UNMATCHED),
            ("/a/c/z", UNMATCHED),
            ("/a/c/y/z", UNMATCHED),
            ("/b", UNMATCHED),
            ("", UNMATCHED),
            ("unmatched", UNMATCHED),
        ] {
            assert_eq!(found(path), template, "{path}");
        }
    }

    #[test]
    fn every_status_of_an_error_is_counted_by_number() {
        for code in crate::routes::error_codes() {
            assert!(STATUSES.contains(&code.status.as_u16()), "{code:?}");
        }
        assert!(STATUSES.is_sorted());
    }

    #[test]
    fn a_method_that_is_none_of_https_own_is_other() {
        assert_eq!(METHODS[method_index(&Method::PATCH)], "PATCH");
        for method in ["TRACE", "CONNECT", "get", "BREW", "OTHER"] {
            assert_eq!(METHODS[method_index(&method.parse().unwrap())], "OTHER", "{method}");
        }
    }
}
