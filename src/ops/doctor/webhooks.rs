//! The check of the webhooks.

use diesel::QueryResult;

use crate::config::Config;
use crate::db::Connection;
use crate::escape::escape;
use crate::ops::doctor::{Check, Status};
use crate::webhooks::delivery::inspect::{ReportedWebhook, WebhookProblem, WebhookReport, find_problems};
use crate::webhooks::send::Networks;

/// Reports webhooks whose requests fail or are late, and those that the service has disabled. They are warnings,
/// because the service itself works.
pub(crate) fn check(conn: &mut Connection, config: &Config) -> QueryResult<Check> {
    const NAME: &str = "webhooks";
    let WebhookReport { count, problems } = find_problems(conn, &Networks::new(&config.webhook_networks))?;
    if problems.is_empty() {
        return Ok(Check::ok(NAME, format!("none of {count} webhooks fails or is late")));
    }
    let problems: Vec<String> = problems
        .into_iter()
        .map(|ReportedWebhook { id, name, problem }| format!("webhook {id} ({}) {}", escape(&name), describe(&problem)))
        .collect();
    Ok(Check::new(NAME, Status::Warning, problems.join("; ")))
}

fn describe(problem: &WebhookProblem) -> String {
    match problem {
        WebhookProblem::Secret => "has an invalid secret, so no request is sent; rotate it".to_owned(),
        WebhookProblem::Url => {
            "has a URL to which no request may be sent; correct the URL or WEBHOOK_NETWORKS".to_owned()
        }
        WebhookProblem::Disabled { reason } if reason == "gone" => {
            "was disabled because the receiver responded with 410; delete it, or correct its URL and enable it"
                .to_owned()
        }
        WebhookProblem::Disabled { .. } => {
            "was disabled after 3 days without success; repair the receiver, then run posts-api webhooks enable"
                .to_owned()
        }
        WebhookProblem::Failing { since } => {
            format!("has failed since {since}; its attempts contain the reasons")
        }
        WebhookProblem::Late { since } => format!(
            "has had a request due since {since}, which no instance sends; start the service, end the transaction that \
             the check changes names, or look for warnings in the log of the service"
        ),
    }
}
