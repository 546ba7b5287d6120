//! Finds webhooks that need the attention of an operator.

use diesel::QueryResult;

use crate::db::{Connection, Timestamp};
use crate::webhooks::credential::Credential;
use crate::webhooks::delivery::model::Delivery;
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
}

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
    let report = |webhook: Delivery| {
        let problem = problem(&webhook, networks)?;
        Some(ReportedWebhook { id: webhook.id, name: webhook.config.name, problem })
    };
    Ok(WebhookReport { count, problems: webhooks.into_iter().filter_map(report).collect() })
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
