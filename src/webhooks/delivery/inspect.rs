//! Finds webhooks that need the attention of an operator.

use diesel::QueryResult;

use crate::db::{Connection, Timestamp};
use crate::webhooks::credential::Credential;
use crate::webhooks::delivery::model::Delivery;
use crate::webhooks::delivery::progress::Progress;
use crate::webhooks::delivery::store;
use crate::webhooks::send::target::check_literal;
use crate::webhooks::send::{Networks, is_valid_secret};

/// A problem of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookProblem {
    /// Requests cannot be signed.
    Secret,
    /// Requests may not be sent to the URL.
    Url,
    /// The service has disabled it.
    Disabled { reason: String },
    /// Every request has failed since then.
    Failing { since: Timestamp },
    /// A request has been due since then, and no instance sends it.
    Late { since: Timestamp },
}

/// How long a request may be due before it is late, in microseconds: 5 minutes.
const MAX_DELAY: i64 = 5 * 60 * 1_000_000;

/// The number of webhooks, and those that have a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookReport {
    pub count: usize,
    pub problems: Vec<ReportedWebhook>,
}

/// A webhook and its first problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedWebhook {
    pub id: i64,
    pub name: String,
    pub problem: WebhookProblem,
}

pub fn find_problems(conn: &mut Connection, networks: &Networks) -> QueryResult<WebhookReport> {
    let webhooks = store::all(conn)?;
    let count = webhooks.len();
    let mut problems = Vec::new();
    for webhook in webhooks {
        let problem = match problem(&webhook, networks) {
            None if webhook.config.enabled => lateness(conn, &webhook)?,
            problem => problem,
        };
        problems.extend(problem.map(|problem| ReportedWebhook { id: webhook.id, name: webhook.config.name, problem }));
    }
    Ok(WebhookReport { count, problems })
}

fn problem(webhook: &Delivery, networks: &Networks) -> Option<WebhookProblem> {
    if let Some(reason) = &webhook.disabled_reason {
        return Some(WebhookProblem::Disabled { reason: reason.clone() });
    }
    if !webhook.config.enabled {
        return None;
    }
    let secrets = std::iter::once(&webhook.secret).chain(&webhook.previous_secret);
    if !secrets.map(Credential::reveal).all(is_valid_secret) {
        return Some(WebhookProblem::Secret);
    }
    if check_literal(webhook.config.url.reveal(), networks).is_err() {
        return Some(WebhookProblem::Url);
    }
    webhook.failing_since.map(|since| WebhookProblem::Failing { since })
}

/// Examines the next rows of the log, as the worker does. A webhook that was changed, for example by a replay, is late
/// only some time after that.
fn lateness(conn: &mut Connection, webhook: &Delivery) -> QueryResult<Option<WebhookProblem>> {
    let now = store::clock(conn)?;
    if webhook.leased_until.is_some_and(|leased_until| leased_until >= now) {
        return Ok(None);
    }
    let mut progress = Progress::new(webhook);
    progress.advance(conn, i64::MAX, webhook.is_burst())?;
    let Some(due_at) = progress.pending(webhook, now).due_at(webhook) else { return Ok(None) };
    let since = due_at.max(webhook.updated_at);
    let is_late = now.as_microseconds().saturating_sub(since.as_microseconds()) >= MAX_DELAY;
    Ok(is_late.then_some(WebhookProblem::Late { since }))
}
