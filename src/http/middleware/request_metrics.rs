//! Request metrics: counts and durations by route, method, and status, and counts by error code.
//!
//! All counters are allocated at the start, so clients cannot increase the memory: a method that is not in `METHODS`
//! counts as `OTHER`, and all paths without a route count together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::web;

use crate::http::error::code::ErrorCode;
use crate::telemetry::histogram::{Histogram, HistogramSnapshot};

/// The upper bounds of the histogram buckets, in microseconds. A response from the cache takes about 10 µs.
const DURATION_BUCKETS: &[u64] = &[
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"];
/// Every status that the service returns. Any other is counted as `other`.
const STATUSES: [u16; 26] = [
    200, 201, 204, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 428, 429, 431, 500, 501, 502,
    503, 504, 507,
];
/// The index in [`MethodMetrics::statuses`] of requests whose client disconnected before the response.
const ABANDONED: usize = STATUSES.len() + 1;
/// The label of all paths without a route.
const UNMATCHED: &str = "unmatched";

/// The counters of all routes.
#[derive(Debug)]
pub struct RequestMetrics {
    routes: Box<[RouteCounters]>,
    problems: Box<[(&'static ErrorCode, AtomicU64)]>,
}

#[derive(Debug)]
struct RouteCounters {
    template: String,
    /// One entry for each of `METHODS`.
    methods: Box<[MethodMetrics]>,
}

#[derive(Debug)]
struct MethodMetrics {
    /// One counter for each of [`STATUSES`], one for all others, and one for abandoned requests.
    statuses: Box<[AtomicU64]>,
    durations: Histogram,
}

/// The statistics of one route and method.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteMetrics<'a> {
    /// The path template, or `unmatched`.
    pub route: &'a str,
    pub method: &'static str,
    /// Counts by status: its number, `other`, or `abandoned` if the client disconnected before the response.
    pub statuses: Vec<(String, u64)>,
    pub durations: HistogramSnapshot,
}

impl RequestMetrics {
    /// If several templates match a path, the first one counts, as in routing.
    #[must_use]
    pub fn new(templates: impl IntoIterator<Item = String>, codes: impl Iterator<Item = &'static ErrorCode>) -> Self {
        let routes = templates.into_iter().chain([UNMATCHED.to_owned()]).map(RouteCounters::new).collect();
        Self { routes, problems: codes.map(|code| (code, AtomicU64::new(0))).collect() }
    }

    /// Every combination of route and method that was requested.
    pub fn served(&self) -> impl Iterator<Item = RouteMetrics<'_>> {
        self.routes.iter().flat_map(|route| {
            let methods = METHODS.iter().zip(&route.methods);
            methods.filter_map(|(method, counters)| counters.snapshot(&route.template, method))
        })
    }

    /// How often each error was returned.
    pub fn problems(&self) -> impl Iterator<Item = (&'static ErrorCode, u64)> {
        self.problems.iter().map(|(code, count)| (*code, count.load(Ordering::Relaxed)))
    }

    /// The index of the route that matches the path; the last index if none does.
    fn route(&self, path: &str) -> usize {
        let unmatched = self.routes.len().saturating_sub(1);
        self.routes.iter().position(|route| matches_template(&route.template, path)).unwrap_or(unmatched)
    }
}

impl RouteCounters {
    fn new(template: String) -> Self {
        Self { template, methods: METHODS.iter().map(|_| MethodMetrics::new()).collect() }
    }
}

impl MethodMetrics {
    fn new() -> Self {
        Self { statuses: zeros(ABANDONED + 1), durations: Histogram::of_durations(DURATION_BUCKETS) }
    }

    /// `status` is `None` if the client disconnected before the response.
    fn record(&self, started: Instant, status: Option<StatusCode>) {
        let index = status.map_or(ABANDONED, |status| {
            STATUSES.iter().position(|listed| *listed == status.as_u16()).unwrap_or(STATUSES.len())
        });
        if let Some(count) = self.statuses.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.record_duration(started.elapsed());
    }

    /// `None` if there was no request.
    fn snapshot<'a>(&self, route: &'a str, method: &'static str) -> Option<RouteMetrics<'a>> {
        let names = STATUSES.iter().map(u16::to_string).chain(["other".to_owned(), "abandoned".to_owned()]);
        let statuses: Vec<_> = names
            .zip(self.statuses.iter().map(|count| count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if statuses.is_empty() {
            None
        } else {
            Some(RouteMetrics { route, method, statuses, durations: self.durations.snapshot() })
        }
    }
}

fn zeros(count: usize) -> Box<[AtomicU64]> {
    std::iter::repeat_with(AtomicU64::default).take(count).collect()
}

fn method_index(method: &Method) -> usize {
    let other = METHODS.len() - 1;
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(other)
}

/// Whether a path template, such as `/api/posts/{id}`, matches the path.
fn matches_template(template: &str, path: &str) -> bool {
    let Some((prefix, _)) = template.split_once('{') else { return template == path };
    path.starts_with(prefix)
        && template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(expected, segment)| expected == segment || (expected.starts_with('{') && !segment.is_empty()))
}

/// Measures one request. If it is dropped before [`RequestTimer::end`], the client has disconnected.
pub(crate) struct RequestTimer {
    requests: web::Data<RequestMetrics>,
    /// An index in [`RequestMetrics::routes`].
    route: usize,
    /// An index in `METHODS`.
    method: usize,
    started: Instant,
    status: Option<StatusCode>,
}

impl RequestTimer {
    /// Starts measuring. `None` if requests are not counted.
    pub(crate) fn begin(request: &ServiceRequest) -> Option<Self> {
        let requests = request.app_data::<web::Data<RequestMetrics>>()?.clone();
        // The path as the router sees it: percent-decoded where that does not change its meaning.
        let route = requests.route(request.match_info().as_str());
        let method = method_index(request.method());
        Some(Self { requests, route, method, started: Instant::now(), status: None })
    }

    /// The path template of the route.
    pub(crate) fn route(&self) -> &str {
        self.requests.routes.get(self.route).map_or(UNMATCHED, |route| &route.template)
    }

    /// Records the response. `code` is the code of an error.
    pub(crate) fn end(mut self, status: StatusCode, code: Option<&ErrorCode>) {
        let counter = code.and_then(|code| self.requests.problems.iter().find(|(listed, _)| *listed == code));
        if let Some((_, count)) = counter {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.status = Some(status);
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        let route = self.requests.routes.get(self.route);
        if let Some(counters) = route.and_then(|route| route.methods.get(self.method)) {
            counters.record(self.started, self.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_counts_for_the_first_matching_template() {
        let requests = RequestMetrics::new(["/a", "/a/b", "/a/{x}", "/a/{x}/y"].map(str::to_owned), std::iter::empty());
        let matched = |path: &str| requests.routes[requests.route(path)].template.as_str();
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
            assert_eq!(matched(path), template, "{path}");
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
    fn an_unknown_method_counts_as_other() {
        assert_eq!(METHODS[method_index(&Method::PATCH)], "PATCH");
        for method in ["TRACE", "CONNECT", "get", "BREW", "OTHER"] {
            assert_eq!(METHODS[method_index(&method.parse().unwrap())], "OTHER", "{method}");
        }
    }
}
