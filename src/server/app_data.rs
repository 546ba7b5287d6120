//! [`AppData`]: the application data, which handlers and middleware look up by type.

use actix_web::web;

use crate::config::Config;
use crate::db::Database;
use crate::http::extract::idempotency_key::ReplayCounter;
use crate::http::extract::preconditions::RequireIfMatch;
use crate::http::middleware::cache::Cache;
use crate::http::middleware::query::QueryRoutes;
use crate::http::middleware::rate_limit::RateLimiter;
use crate::http::middleware::request_metrics::RequestMetrics;
use crate::http::transport::client_ip::TrustedProxies;
use crate::http::transport::memory_budget::MemoryBudget;
use crate::keys::auth::EnvironmentKey;
use crate::keys::existence::ExistenceCheck;
use crate::keys::model::SecretKey;
use crate::ops::docs::{Document, ErrorCatalog};
use crate::ops::health::Readiness;
use crate::ops::metrics::MetricSources;
use crate::posts::changes::stream::open_streams::Streams;
use crate::routes;
use crate::webhooks::delivery::Deliveries;
use crate::webhooks::running_tests::RunningTests;
use crate::webhooks::send::Sender;

#[derive(Clone)]
pub(super) struct AppData {
    cache: web::Data<Cache>,
    pub(super) streams: web::Data<Streams>,
    budget: web::Data<MemoryBudget>,
    database: web::Data<Database>,
    environment_key: web::Data<EnvironmentKey>,
    existence: web::Data<ExistenceCheck>,
    require_if_match: web::Data<RequireIfMatch>,
    document: web::Data<Document>,
    catalog: web::Data<ErrorCatalog>,
    query_routes: web::Data<QueryRoutes>,
    readiness: web::Data<Readiness>,
    limits: web::Data<RateLimiter>,
    /// `None` if neither metrics nor traces are exported.
    request_metrics: Option<web::Data<RequestMetrics>>,
    replays: web::Data<ReplayCounter>,
    proxies: web::Data<TrustedProxies>,
    sender: web::Data<Sender>,
    tests: web::Data<RunningTests>,
    deliveries: web::Data<Deliveries>,
}

impl AppData {
    pub(super) fn new(
        config: &Config,
        database: Database,
        readiness: Readiness,
        sender: Sender,
        sources: &MetricSources,
    ) -> std::io::Result<Self> {
        let admin_key = config.admin_api_key.as_ref().map(|key| SecretKey::hash(key.reveal()));
        // Counting costs time in every request, so it is done only if the counts or spans are exported.
        let is_counting = config.admin_port.is_some() || config.otlp_endpoint.is_some();
        Ok(Self {
            cache: web::Data::new(sources.cache.clone()),
            streams: web::Data::new(sources.streams.clone()),
            budget: web::Data::new(sources.cache.budget().clone()),
            existence: web::Data::new(ExistenceCheck::new(database.clone())),
            database: web::Data::new(database),
            environment_key: web::Data::new(EnvironmentKey(admin_key)),
            require_if_match: web::Data::new(RequireIfMatch(config.require_if_match)),
            document: web::Data::new(Document::new(&routes::document())?),
            catalog: web::Data::new(ErrorCatalog(routes::error_codes().collect())),
            query_routes: web::Data::new(QueryRoutes(routes::with_query_parameters())),
            readiness: web::Data::new(readiness),
            limits: sources.limits.clone(),
            request_metrics: is_counting.then(|| sources.requests.clone()),
            replays: sources.replays.clone(),
            proxies: web::Data::new(TrustedProxies(config.trusted_proxies.clone())),
            sender: web::Data::new(sender),
            tests: web::Data::new(RunningTests::default()),
            deliveries: web::Data::new(sources.deliveries.clone()),
        })
    }

    pub(super) fn register(&self, app: &mut web::ServiceConfig) {
        let Self {
            cache,
            streams,
            budget,
            database,
            environment_key,
            existence,
            require_if_match,
            document,
            catalog,
            query_routes,
            readiness,
            limits,
            request_metrics,
            replays,
            proxies,
            sender,
            tests,
            deliveries,
        } = self.clone();
        app.app_data(cache)
            .app_data(streams)
            .app_data(budget)
            .app_data(database)
            .app_data(environment_key)
            .app_data(existence)
            .app_data(require_if_match)
            .app_data(document)
            .app_data(catalog)
            .app_data(query_routes)
            .app_data(readiness)
            .app_data(limits)
            .app_data(replays)
            .app_data(proxies)
            .app_data(sender)
            .app_data(tests)
            .app_data(deliveries);
        if let Some(request_metrics) = request_metrics {
            app.app_data(request_metrics);
        }
    }
}
