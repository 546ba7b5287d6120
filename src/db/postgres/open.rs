//! Opening a connection to PostgreSQL.

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use crate::db::options::Purpose;
use crate::db::url::PostgresUrl;

/// A statement that runs longer is ended by the server, so that it cannot hold its connection for ever; so is a
/// transaction whose service has stopped or vanished, so that it cannot hold its locks.
const TIMEOUTS: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'";

pub(crate) fn open(url: &PostgresUrl, purpose: Purpose) -> Result<PgConnection, String> {
    let told = |error: &dyn std::fmt::Display| url.redact(&error.to_string());
    let mut conn = PgConnection::establish(url.connection_string()).map_err(|error| told(&error))?;
    if url.transaction_pooling {
        conn.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        return Ok(conn);
    }
    if purpose != Purpose::Command {
        conn.batch_execute(TIMEOUTS).map_err(|error| told(&error))?;
    }
    if let Some(schema) = &url.schema {
        let path = format!("SET search_path TO {}", quote_identifier(schema));
        conn.batch_execute(&path).map_err(|error| told(&error))?;
    }
    Ok(conn)
}

/// A quoted SQL identifier (PostgreSQL 4.1.1): a quote inside it is doubled.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
