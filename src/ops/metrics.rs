//! `/metrics`: what every room has counted, in the `OpenMetrics` text format.
//!
//! The rooms own their counters; here they are read, named and explained. Names and labels are what dashboards and alerts
//! are made of (`ops/` of the repository), so they change like an API does. No label has a value that a stranger can
//! choose.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HeaderValue;
use actix_web::{HttpResponse, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::db::{Database, EndpointStatus, PoolStats, Timestamp, WriterStats};
use crate::http::ApiError;
use crate::http::extract::idempotency_key::ReplayCounter;
use crate::http::middleware::cache::Cache;
use crate::http::middleware::rate_limit::RateLimiter;
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::posts::scheduler::SchedulerStats;
use crate::telemetry::histogram::HistogramSnapshot;

/// The media type of the format (`OpenMetrics` 1.0).
const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// All that is counted.
#[derive(Clone)]
pub struct MetricSources {
    pub database: Database,
    /// `sqlite` or `postgresql`.
    pub backend: &'static str,
    pub cache: Cache,
    pub requests: web::Data<RequestMetrics>,
    pub limits: web::Data<RateLimiter>,
    pub replays: web::Data<ReplayCounter>,
    pub schedule: Arc<SchedulerStats>,
    pub started: SystemTime,
}

/// Shows everything as it is now.
///
/// # Errors
/// None in practice: writing text into memory does not fail.
pub async fn get_metrics(sources: web::Data<MetricSources>) -> Result<HttpResponse, ApiError> {
    // Before the question, which may have to wait for a connection, too.
    let pools = sources.database.pool_stats();
    let answering = sources.database.endpoint_status().await;
    let mut registry = Registry::with_prefix("posts_api");
    registry.register_collector(Box::new(Scrape { sources: (**sources).clone(), pools, answering }));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(text))
}

struct Scrape {
    sources: MetricSources,
    pools: Vec<PoolStats>,
    answering: Vec<EndpointStatus>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        let sources = &self.sources;
        build(&mut page, sources)?;
        requests(&mut page, sources)?;
        cache(&mut page, sources)?;
        database(&mut page, &sources.database, &self.answering)?;
        pools(&mut page, &self.pools)?;
        if let Some(writer) = sources.database.writer_stats() {
            sqlite(&mut page, &writer)?;
        }
        schedule(&mut page, &sources.schedule)
    }
}

fn build(page: &mut Page, sources: &MetricSources) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", sources.backend)];
    page.info("build", "Which release runs, on which database.", labels)?;
    let started = sources.started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    page.gauge("start_time_seconds", "When the service started, in seconds since 1970.", [([], started)])
}

fn requests(page: &mut Page, sources: &MetricSources) -> fmt::Result {
    let served: Vec<_> = sources.requests.served().collect();
    let by_status = served.iter().flat_map(|served| {
        let labels = move |status| [("method", served.method), ("route", served.route), ("status", status)];
        served.statuses.iter().map(move |(status, count)| (labels(status.as_str()), *count))
    });
    page.counter(
        "http_requests",
        "RequestMetrics by route and status; abandoned: the client had gone before the answer.",
        by_status,
    )?;
    page.histogram(
        "http_request_duration_seconds",
        "From the end of a request's head to the beginning of its answer.",
        served.iter().map(|served| ([("method", served.method), ("route", served.route)], &served.durations)),
    )?;
    page.counter(
        "http_problems",
        "Errors that were answered, by their code.",
        sources.requests.problems().map(|(code, count)| ([("code", code.name)], count)),
    )?;
    page.counter(
        "rate_limit_refusals",
        "RequestMetrics that were refused because their client had sent too many.",
        sources.limits.refusals().map(|(limit, count)| ([("limit", limit)], count)),
    )?;
    page.counter(
        "idempotency_replays",
        "RequestMetrics that were answered as before, by their Idempotency-Key.",
        [([], sources.replays.count())],
    )
}

fn cache(page: &mut Page, sources: &MetricSources) -> fmt::Result {
    let stats = sources.cache.stats();
    page.counter(
        "cache_requests",
        "RequestMetrics without a key, by whether the cache had the answer.",
        [([("result", "hit")], stats.hits), ([("result", "miss")], stats.misses)],
    )?;
    page.counter("cache_reads", "Reads of the database for those it had no answer for.", [([], stats.reads)])?;
    page.counter(
        "cache_drops",
        "How often all was dropped because something public changed.",
        [([], stats.invalidations)],
    )?;
    page.gauge("cache_entries", "Answers that are kept.", [([], stats.entries)])?;
    page.gauge("cache_bytes", "About what they take.", [([], stats.bytes)])?;
    page.gauge("cache_capacity_bytes", "The most that they may take; 0: the cache is off.", [([], stats.capacity)])?;
    page.gauge(
        "cache_usable",
        "1 where the cache may answer; 0 where it is off, or changes by others cannot be noticed.",
        [([], u64::from(stats.is_active))],
    )
}

fn database(page: &mut Page, database: &Database, answering: &[EndpointStatus]) -> fmt::Result {
    page.gauge(
        "db_up",
        "1 where the database answers.",
        answering.iter().map(|database| ([("database", database.name)], u64::from(database.is_up))),
    )?;
    page.counter(
        "db_errors",
        "Questions that the database did not answer, by why.",
        database.error_counts().into_iter().map(|(kind, count)| ([("kind", kind)], count)),
    )
}

fn pools(page: &mut Page, pools: &[PoolStats]) -> fmt::Result {
    let in_pools = |value: fn(&PoolStats) -> u64| pools.iter().map(move |pool| ([("pool", pool.name)], value(pool)));
    page.gauge("db_pool_size", "Connections that a pool may have.", in_pools(|pool| pool.size))?;
    page.gauge("db_pool_open", "Connections that are open.", in_pools(|pool| pool.open))?;
    page.gauge("db_pool_in_use", "Connections that serve.", in_pools(|pool| pool.in_use))?;
    page.gauge("db_pool_waiting", "RequestMetrics that wait for a connection.", in_pools(|pool| pool.waiting))?;
    page.histogram(
        "db_pool_wait_seconds",
        "How long those waited that got a connection.",
        pools.iter().map(|pool| ([("pool", pool.name)], &pool.wait_times)),
    )?;
    let refused = pools.iter().flat_map(|pool| {
        let labels = |reason| [("pool", pool.name), ("reason", reason)];
        [(labels("full"), pool.rejected_full), (labels("timeout"), pool.rejected_timeout)]
    });
    page.counter(
        "db_pool_refusals",
        "RequestMetrics that got no connection: too many waited already (full), or the wait was in vain (timeout).",
        refused,
    )
}

fn sqlite(page: &mut Page, writer: &WriterStats) -> fmt::Result {
    page.histogram(
        "db_group_commit_writes",
        "Writes that were committed together, on SQLite.",
        [([], &writer.batch_sizes)],
    )?;
    page.histogram(
        "db_group_commit_duration_seconds",
        "How long such a transaction took, with its commit.",
        [([], &writer.commit_times)],
    )?;
    page.gauge("db_wal_bytes", "The length of SQLite's write-ahead log.", [([], writer.wal_bytes)])
}

fn schedule(page: &mut Page, progress: &SchedulerStats) -> fmt::Result {
    let seconds = |time: Timestamp| Duration::from_micros(time.as_microseconds().unsigned_abs()).as_secs_f64();
    page.histogram(
        "schedule_lag_seconds",
        "How long after its time each scheduled post was published by this instance.",
        [([], &progress.lags())],
    )?;
    page.gauge(
        "schedule_last_look_timestamp_seconds",
        "When this instance has last looked for posts to publish, in seconds since 1970; 0: never.",
        [([], progress.polled_at().map_or(0.0, seconds))],
    )
}

/// Writes metrics, each with all of its samples.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// `_total` is added to its name.
    fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'l str, &'l str); N], V)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histogram<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'l str, &'l str); N], &'l HistogramSnapshot)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, reading) in samples {
            let HistogramSnapshot { sum, count, buckets } = reading;
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
        }
        Ok(())
    }

    /// `_info` is added to its name.
    fn info<const N: usize>(&mut self, name: &str, help: &str, labels: [(&str, &str); N]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }
}
