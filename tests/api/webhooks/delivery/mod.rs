//! What webhooks receive, and when.

mod addresses;
mod burst;
mod each;
mod hostile;
mod https;
mod instances;
mod metrics;
mod retries;
mod shutdown;

use std::sync::Arc;

use posts_api::db::Timestamp;
use serde_json::{Value, json};

use crate::changes::wait_until_settled;
use crate::support::api::ADMIN_KEY;
use crate::support::hook_receiver::HookReceiver;
use crate::support::program::Sandbox;
use crate::support::{Api, Engine, TestDatabase, wait_until};

/// The secret of the webhooks that [`Hook`] creates.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ALL_EVENTS: &str = r#"["post.published","post.updated","post.unpublished","post.deleted"]"#;

/// A webhook as a test inserts it.
struct Hook<'a> {
    url: &'a str,
    mode: i16,
    events: &'a str,
    headers: &'a str,
    body: Option<&'a str>,
    quiet: i32,
    max_wait: i32,
}

impl<'a> Hook<'a> {
    fn each(url: &'a str) -> Self {
        Self { url, mode: 0, events: ALL_EVENTS, headers: "{}", body: None, quiet: 10, max_wait: 120 }
    }

    /// A burst ends after 1 second without changes.
    fn burst(url: &'a str) -> Self {
        Self { mode: 1, quiet: 1, max_wait: 3600, ..Self::each(url) }
    }

    /// Inserts the webhook. It gets the changes from now on. Returns its id.
    fn insert(&self, database: &TestDatabase) -> i64 {
        let Self { url, mode, events, headers, body, quiet, max_wait } = self;
        let body = body.map_or("NULL".to_owned(), |body| format!("'{body}'"));
        let now = Timestamp::now();
        database.execute(&format!(
            "INSERT INTO webhooks (name, url, mode, events, headers, body, quiet, max_wait, enabled, secret, position, \
             created_at, updated_at) VALUES ('test', '{url}', {mode}, '{events}', '{headers}', {body}, {quiet}, \
             {max_wait}, TRUE, '{SECRET}', (SELECT max(seq) FROM post_changes), '{now}', '{now}')"
        ));
        database.query_number("SELECT max(id) AS number FROM webhooks")
    }

    /// The same, on a running instance.
    fn create(&self, api: &Api) -> i64 {
        let id = self.insert(&api.server.database);
        api.server.deliveries.wake();
        id
    }
}

/// The time this number of hours ago.
fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::from_microseconds(Timestamp::now().as_microseconds() - hours * 3_600_000_000).unwrap()
}

/// The number in a column of the only webhook, or 0 if it is null.
fn number(database: &TestDatabase, expression: &str) -> i64 {
    database.query_number(&format!("SELECT CAST(coalesce({expression}, 0) AS bigint) AS number FROM webhooks"))
}

fn is_true(database: &TestDatabase, condition: &str) -> bool {
    database.query_number(&format!("SELECT CAST(count(*) AS bigint) AS number FROM webhooks WHERE {condition}")) > 0
}

/// The text in a column of the only webhook.
fn text(database: &TestDatabase, column: &str) -> Option<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        value: Option<String>,
    }
    let rows: Vec<Row> = database.rows(&format!("SELECT {column} AS value FROM webhooks"));
    rows.into_iter().next().and_then(|row| row.value)
}

fn attempts(database: &TestDatabase) -> i64 {
    database.query_number("SELECT count(*) AS number FROM webhook_attempts")
}

/// Makes the next attempt of every webhook due now, as if the time until then had passed.
fn make_due(api: &Api) {
    api.server.database.execute(&format!("UPDATE webhooks SET next_attempt_at = '{}'", hours_ago(1)));
    api.server.deliveries.wake();
}

/// Waits until a webhook has been delivered everything, and no delivery holds its lease.
async fn wait_until_idle(database: &TestDatabase) {
    wait_until("the deliveries to end", async || {
        is_true(database, "lease IS NULL AND attempt = 0 AND burst_end IS NULL")
    })
    .await;
}

/// Delays the next attempt of every webhook until [`make_due`]. On a busy machine, it could otherwise begin by itself.
fn postpone(api: &Api) {
    api.server.database.execute(&format!("UPDATE webhooks SET next_attempt_at = '{}'", hours_ago(-1)));
}

async fn publish(api: &Api, slug: &str) -> Value {
    api.create(json!({"title": slug, "slug": slug, "published": true})).await
}

/// The environment of a process that may send to this machine.
fn sandbox(database: &TestDatabase) -> Sandbox {
    Sandbox::new([
        ("DATABASE_URL", database.url.as_str()),
        ("PORT", "0"),
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("WEBHOOK_NETWORKS", "127.0.0.0/8"),
        ("LOG_FORMAT", "json"),
    ])
}

/// Publishes a post past every instance.
fn publish_by_sql(database: &TestDatabase, slug: &str) {
    database.execute(&format!("INSERT INTO posts (slug, title, published) VALUES ('{slug}', 'A', TRUE)"));
}

fn is_postgres(database: &TestDatabase) -> bool {
    database.engine == Engine::Postgres
}

fn slugs(receiver: &HookReceiver) -> Vec<String> {
    receiver.requests().iter().map(|request| request.brief().1).collect()
}

fn migrated(database: TestDatabase) -> Arc<TestDatabase> {
    database.migrate();
    Arc::new(database)
}
