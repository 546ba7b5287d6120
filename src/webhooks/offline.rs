//! Changes of webhooks by commands. A command does not poll the database, so it does not know the position up to which
//! the log is complete. It waits for the writers of the log instead.

use diesel::QueryResult;

use crate::db::{Connection, Timestamp};
use crate::posts::changes::position;
use crate::posts::changes::position::{Expired, LocatedStart};
use crate::resource::versioned::{Change, Preconditions};
use crate::webhooks::actions::ReplayStart;
use crate::webhooks::credential::Credential;
use crate::webhooks::model::{Webhook, WebhookConfig};
use crate::webhooks::store;

/// Stores a webhook that delivers the changes from now on; `None` if there are 50 already. Call it in a transaction.
pub fn create(
    conn: &mut Connection,
    config: &WebhookConfig,
    secret: &Credential,
    now: Timestamp,
) -> QueryResult<Option<Webhook>> {
    position::lock_log(conn)?;
    let position = position::resolve(conn, LocatedStart::Now, i64::MAX)?.unwrap_or(0);
    Ok(store::create(conn, config, secret, position, now)?.ok())
}

/// Moves the position of a webhook. Call it in a transaction.
pub fn replay(
    conn: &mut Connection,
    id: i64,
    start: ReplayStart,
    now: Timestamp,
) -> QueryResult<Result<Change<Webhook>, Expired>> {
    position::lock_log(conn)?;
    match position::locate(conn, start.0, i64::MAX)? {
        Ok(start) => store::replay(conn, id, &Preconditions::default(), start, i64::MAX, now),
        Err(expired) => Ok(Err(expired)),
    }
}
