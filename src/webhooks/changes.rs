//! Prepares changes of webhooks: runs the checks and reads that must precede their transactions.

use diesel::QueryResult;

use crate::db::{Connection, Database, Timestamp};
use crate::http::ApiError;
use crate::posts::changes::position;
use crate::posts::changes::position::LocatedStart;
use crate::posts::errors::changes_not_ready;
use crate::resource::versioned::{Change, Preconditions};
use crate::webhooks::actions::ReplayStart;
use crate::webhooks::credential::Credential;
use crate::webhooks::errors::{replay_expired, too_many_webhooks};
use crate::webhooks::input::{CreateWebhook, UpdateWebhook};
use crate::webhooks::model::Webhook;
use crate::webhooks::responses::CreatedWebhook;
use crate::webhooks::send::Sender;
use crate::webhooks::{network, store};

/// # Errors
/// The operating system supplies no random numbers.
pub(crate) fn generate_secret() -> Result<Credential, ApiError> {
    Credential::generate_secret().map_err(|error| ApiError::Internal { cause: error.to_string() })
}

/// The transaction that creates a webhook.
///
/// # Errors
/// 422: no request can be sent to the URL. 503: the position up to which the log is complete is unknown.
pub(crate) async fn creation(
    database: &Database,
    sender: &Sender,
    create: CreateWebhook,
) -> Result<impl FnOnce(&mut Connection) -> QueryResult<Result<CreatedWebhook, ApiError>> + Send + use<>, ApiError> {
    let mut config = create.into_config().map_err(ApiError::ValidationFailed)?;
    config.url = network::check_url(&config.url, sender).await?;
    let secret = generate_secret()?;
    let (settled, database) = (position::settled_now(database).await?, database.clone());
    Ok(move |conn: &mut Connection| {
        let position = position::resolve(conn, LocatedStart::Now, settled.seq)?;
        let Ok(position) = position else { return Ok(Err(changes_not_ready())) };
        let created = store::create(conn, &config, &secret, position, Timestamp::now())?;
        if !database.is_still_settled(settled) {
            return Ok(Err(changes_not_ready()));
        }
        let secret = secret.reveal().to_owned();
        Ok(created.map(|webhook| CreatedWebhook { webhook, secret }).map_err(|_| too_many_webhooks()))
    })
}

/// The patch with a URL in its normal form.
///
/// # Errors
/// 422: no request can be sent to the URL.
pub(crate) async fn checked(mut patch: UpdateWebhook, sender: &Sender) -> Result<UpdateWebhook, ApiError> {
    if let Some(url) = &patch.url {
        patch.url = Some(network::check_url(url, sender).await?);
    }
    Ok(patch)
}

/// The transaction that moves a webhook to another position.
///
/// # Errors
/// 410: the log does not contain all changes since a time. 503: the position up to which the log is complete is
/// unknown.
pub(crate) async fn replay(
    database: &Database,
    id: i64,
    preconditions: Preconditions,
    start: ReplayStart,
) -> Result<impl FnOnce(&mut Connection) -> QueryResult<Result<Change<Webhook>, ApiError>> + Send + use<>, ApiError> {
    let (settled, database) = (position::settled_now(database).await?, database.clone());
    // The transaction, which excludes other writes on SQLite, only checks that the row still exists.
    let located = database.read(move |conn| position::locate(conn, start.0, settled.seq)).await?;
    let start = located.map_err(|_| replay_expired())?;
    Ok(move |conn: &mut Connection| {
        let replayed = store::replay(conn, id, &preconditions, start, settled.seq, Timestamp::now())?;
        if !database.is_still_settled(settled) {
            return Ok(Err(changes_not_ready()));
        }
        Ok(replayed.map_err(|_| replay_expired()))
    })
}
