//! `/metrics`: exports the counters of all modules in the `OpenMetrics` text format.
//!
//! The other modules own their counters. This module reads, names, and describes them. Dashboards and alerts depend on
//! the names and labels, so these are as stable as the API. Clients cannot choose label values, so the number of series
//! is bounded.

mod changes;
mod database;
mod tasks;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::header::HeaderValue;
use actix_web::{HttpResponse, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::db::{Database, EndpointStatus, PoolStats};
use crate::http::ApiError;
use crate::http::extract::idempotency_key::ReplayCounter;
use crate::http::middleware::cache::Cache;
use crate::http::middleware::rate_limit::RateLimiter;
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::http::transport::connections::Connections;
use crate::ops::metrics::writer::MetricWriter;
use crate::posts::changes::counts::ChangeCounts;
use crate::posts::changes::stream::open_streams::Streams;
use crate::posts::scheduler::SchedulerStats;
use crate::telemetry::dropped_log_lines;
use crate::webhooks::delivery::Deliveries;

/// The media type of the format (`OpenMetrics` 1.0).
const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The modules whose counters are exported.
#[derive(Clone)]
pub struct MetricSources {
    pub database: Database,
    /// `sqlite` or `postgresql`.
    pub backend: &'static str,
    pub cache: Cache,
    pub streams: Streams,
    pub changes: Arc<ChangeCounts>,
    pub connections: Connections,
    pub requests: web::Data<RequestMetrics>,
    pub limits: web::Data<RateLimiter>,
    pub replays: web::Data<ReplayCounter>,
    pub schedule: Arc<SchedulerStats>,
    pub deliveries: Deliveries,
    pub started: SystemTime,
}

/// Exports all metrics.
///
/// # Errors
/// Encoding failed, which does not happen in practice.
pub async fn get_metrics(sources: web::Data<MetricSources>) -> Result<HttpResponse, ApiError> {
    // Read before the status check, which may itself wait for a connection.
    let pools = sources.database.pool_stats();
    let endpoints = sources.database.endpoint_status().await;
    // If the primary is down, this read would only wait.
    if endpoints.iter().all(|endpoint| endpoint.is_up || endpoint.name != "primary")
        && let Err(error) = sources.changes.update(&sources.database).await
    {
        tracing::debug!(%error, "failed to count changes; will retry");
    }
    let mut registry = Registry::with_prefix("posts_api");
    registry.register_collector(Box::new(MetricCollector { sources: (**sources).clone(), pools, endpoints }));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(text))
}

struct MetricCollector {
    sources: MetricSources,
    pools: Vec<PoolStats>,
    endpoints: Vec<EndpointStatus>,
}

impl fmt::Debug for MetricCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricCollector").finish_non_exhaustive()
    }
}

impl Collector for MetricCollector {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut out = MetricWriter(encoder);
        let sources = &self.sources;
        build(&mut out, sources)?;
        requests(&mut out, sources)?;
        connections(&mut out, sources)?;
        cache(&mut out, sources)?;
        database::status(&mut out, &sources.database, &self.endpoints)?;
        database::pools(&mut out, &self.pools)?;
        if let Some(stats) = sources.database.writer_stats() {
            database::sqlite(&mut out, &stats)?;
        }
        tasks::schedule(&mut out, &sources.schedule)?;
        changes::feed(&mut out, &sources.database, &sources.changes)?;
        changes::streams(&mut out, &sources.streams)?;
        tasks::webhooks(&mut out, sources.deliveries.stats())?;
        out.counter(
            "log_lines_dropped",
            "Log lines that were not written because standard error was not read in time or failed.",
            [([], dropped_log_lines::count())],
        )
    }
}

fn build(out: &mut MetricWriter, sources: &MetricSources) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", sources.backend)];
    out.info("build", "The release and the database backend.", labels)?;
    let started = sources.started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    out.gauge("start_time_seconds", "Start time of the service, in seconds since 1970.", [([], started)])
}

fn requests(out: &mut MetricWriter, sources: &MetricSources) -> fmt::Result {
    let served: Vec<_> = sources.requests.served().collect();
    let by_status = served.iter().flat_map(|served| {
        let labels = move |status| [("method", served.method), ("route", served.route), ("status", status)];
        served.statuses.iter().map(move |(status, count)| (labels(status.as_str()), *count))
    });
    out.counter(
        "http_requests",
        "HTTP requests, by method, route, and status. Status abandoned: the client disconnected before the response.",
        by_status,
    )?;
    out.histogram(
        "http_request_duration_seconds",
        "Time from the end of the request head to the start of the response.",
        served.iter().map(|served| ([("method", served.method), ("route", served.route)], &served.durations)),
    )?;
    out.counter(
        "http_problems",
        "Problem responses, by error code.",
        sources.requests.problems().map(|(code, count)| ([("code", code.name)], count)),
    )?;
    out.counter(
        "rate_limit_refusals",
        "Requests rejected by the rate limit, by limit.",
        sources.limits.refusals().map(|(limit, count)| ([("limit", limit)], count)),
    )?;
    out.counter(
        "idempotency_replays",
        "Requests answered with the stored response of their Idempotency-Key.",
        [([], sources.replays.count())],
    )
}

fn connections(out: &mut MetricWriter, sources: &MetricSources) -> fmt::Result {
    let (connections, budget) = (&sources.connections, sources.cache.budget());
    out.gauge("http_connections", "Open client connections.", [([], connections.open())])?;
    out.counter(
        "http_connections_refused",
        "Connections refused because their client IP had too many open (CONNECTIONS_PER_IP).",
        [([], connections.refused())],
    )?;
    out.counter(
        "http_slow_clients",
        "Connections closed because the client read its response too slowly.",
        [([], connections.too_slow())],
    )?;
    out.gauge(
        "response_memory_bytes",
        "Memory of requests and responses in progress and of the cached responses, in bytes.",
        [([], budget.used())],
    )?;
    out.gauge(
        "response_memory_limit_bytes",
        "Limit on response_memory_bytes: CACHE_BYTES and RESPONSE_BYTES together.",
        [([], budget.limit())],
    )?;
    out.counter(
        "response_memory_refusals",
        "Times that a request or response got no memory because the limit was reached.",
        [([], budget.refusals())],
    )
}

fn cache(out: &mut MetricWriter, sources: &MetricSources) -> fmt::Result {
    let stats = sources.cache.stats();
    out.counter(
        "cache_requests",
        "Requests of anonymous clients for cacheable responses, by cache result.",
        [([("result", "hit")], stats.hits), ([("result", "miss")], stats.misses)],
    )?;
    out.counter(
        "cache_reads",
        "Database reads for cache misses. Concurrent misses of the same response share one read.",
        [([], stats.reads)],
    )?;
    out.counter(
        "cache_invalidations",
        "Requests that found a cached response outdated by a change.",
        [([], stats.invalidations)],
    )?;
    out.gauge("cache_entries", "Cached responses, including outdated ones.", [([], stats.entries)])?;
    out.gauge("cache_bytes", "Approximate size of the cached responses in bytes.", [([], stats.bytes)])?;
    out.gauge(
        "cache_capacity_bytes",
        "Limit on the size of the cached responses in bytes. 0: the cache is disabled.",
        [([], stats.capacity)],
    )?;
    out.gauge(
        "cache_usable",
        "1 if the cache may serve responses. 0 if it is disabled, or changes by other instances cannot be detected.",
        [([], u64::from(stats.is_active))],
    )
}
