//! The work of requests that uses the network: checks the addresses of a URL, and sends a test request.
//!
//! It runs on threads of its own, because it can take 15 seconds: the threads of the blocking pool serve the database.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::db::Timestamp;
use crate::http::ApiError;
use crate::webhooks::credential::Credential;
use crate::webhooks::input::invalid_url;
use crate::webhooks::model::WebhookRow;
use crate::webhooks::responses::WebhookTestResult;
use crate::webhooks::running_tests::RunningTest;
use crate::webhooks::send::{OutgoingRequest, Sender, target};

/// A check of a URL holds a permit, for at most 5 seconds.
static CHECKS: Semaphore = Semaphore::const_new(16);
/// How long a request waits for a permit.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Runs the work on a thread. The permit is released when the work has ended, even if the request has been canceled.
async fn run<T: Send + 'static>(
    permit: impl Send + 'static,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let failed = |cause: String| ApiError::Internal { cause };
    let (result, receiver) = oneshot::channel();
    let work = move || {
        let value = work();
        // A client that has received the response may send the next request at once.
        drop(permit);
        // Fails if the request has been canceled.
        let _ = result.send(value);
    };
    std::thread::Builder::new().name("webhook-request".to_owned()).spawn(work).map_err(|e| failed(e.to_string()))?;
    receiver.await.map_err(|_| failed("the thread of the request ended early".to_owned()))
}

/// Checks that requests may be sent to this URL, and returns its normal form.
///
/// # Errors
/// 422: the URL is not allowed. 503: too many checks are in progress.
pub(crate) async fn check_url(url: &Credential, sender: &Sender) -> Result<Credential, ApiError> {
    let (text, networks) = (url.reveal().to_owned(), sender.networks().clone());
    let busy = |_| ApiError::ServerBusy("too many checks of webhook URLs are in progress");
    let permit = timeout(MAX_WAIT, CHECKS.acquire()).await.map_err(busy)?;
    let permit = permit.map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    match run(permit, move || target::check(&text, &networks)).await? {
        Ok(target) => Ok(Credential::new(target.url().as_str().to_owned())),
        Err(problem) => Err(ApiError::ValidationFailed(vec![invalid_url(problem).at("/url")])),
    }
}

/// Sends a test request: the static body of the webhook, if it has one, and otherwise an event of the type
/// `webhook.test`.
///
/// # Errors
/// The operating system supplies no random numbers or no thread.
pub(crate) async fn send_test(
    sender: &Sender,
    row: WebhookRow,
    test: RunningTest,
) -> Result<WebhookTestResult, ApiError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    let now = Timestamp::now();
    let event = || json!({"type": "webhook.test", "timestamp": now, "data": {"webhook_id": row.id}});
    let body = row.config.body.as_ref().map_or_else(|| event().to_string(), |body| body.as_str().to_owned());
    let request = OutgoingRequest {
        url: row.config.url.reveal().to_owned(),
        event_id: format!("test_{}", HEXLOWER.encode(&id)),
        timestamp: now,
        secrets: row.secrets(now).iter().map(|secret| secret.reveal().to_owned()).collect(),
        headers: row.config.headers(),
        body: body.into_bytes(),
    };
    let sender = sender.clone();
    let result = run(test, move || sender.send(request)).await?;
    let duration_ms = result.duration.as_millis().try_into().unwrap_or(u64::MAX);
    Ok(WebhookTestResult { status: result.status, duration_ms, error: result.error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::send::Networks;

    /// The only test of this process that checks URLs: it occupies all permits.
    #[tokio::test]
    async fn a_url_check_without_a_permit_is_refused() {
        let sender = Sender::new(Networks::default());
        let url = Credential::new("https://8.8.8.8/hook".to_owned());
        let permits = CHECKS.acquire_many(16).await.unwrap();
        assert_eq!(CHECKS.available_permits(), 0);
        let refused = timeout(Duration::from_mins(2), check_url(&url, &sender)).await.unwrap().unwrap_err();
        assert!(matches!(refused, ApiError::ServerBusy(_)), "{refused:?}");
        drop(permits);
        assert_eq!(check_url(&url, &sender).await.unwrap(), url);
        assert_eq!(CHECKS.available_permits(), 16, "a check returns its permit");
    }
}
