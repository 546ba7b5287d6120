//! What an operator may want to know of a database, asked without changing anything in it.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use crate::db::connection::{Backend, ConnectError, Connection};
use crate::db::fixed_sql::FixedSql;
use crate::db::options::Purpose;
use crate::db::url::{DatabaseUrl, PostgresUrl};

/// Opens a connection that cannot write. A database that is not there is not made, and a statement of PostgreSQL's ends
/// after 10 seconds.
///
/// # Errors
/// The database cannot be reached, or refuses the user or the file.
pub fn open(url: &DatabaseUrl) -> Result<Connection, ConnectError> {
    Connection::open_for(url, Purpose::Inspect)
}

/// What a server of PostgreSQL says of itself and of its user.
#[derive(Debug, QueryableByName)]
#[expect(clippy::struct_excessive_bools, reason = "they are columns of an answer, each a fact by itself")]
pub struct ServerInfo {
    /// `150_004` is 15.4.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// Its clock, in microseconds since 1970.
    #[diesel(sql_type = BigInt)]
    pub clock: i64,
    /// It only follows another server, or is set to refuse writes.
    #[diesel(sql_type = Bool)]
    pub is_read_only: bool,
    /// Connections that it has for all who are no superusers.
    #[diesel(sql_type = BigInt)]
    pub max_connections: i64,
    /// Those that are open, this one included.
    #[diesel(sql_type = BigInt)]
    pub connections: i64,
    /// Whether this connection is encrypted; behind a pooler, the one from there on.
    #[diesel(sql_type = Bool)]
    pub is_encrypted: bool,
    /// Whether the user may make tables where the service has its own.
    #[diesel(sql_type = Bool)]
    pub can_create_tables: bool,
    /// What the user missing_privileges of the rights that serving takes, such as `UPDATE on posts`, between commas.
    #[diesel(sql_type = Text)]
    pub missing_privileges: String,
    /// Whether an import may move the counters of ids on.
    #[diesel(sql_type = Bool)]
    pub can_advance_sequences: bool,
}

const FACTS: &str = "SELECT
    current_setting('server_version_num')::integer AS version,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS is_read_only,
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
        AS max_connections,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
    CASE WHEN current_schema() IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(current_schema(), 'CREATE') END AS can_create_tables,
    coalesce((
        SELECT string_agg(privilege || ' on ' || name, ', ' ORDER BY name, privilege)
        FROM (VALUES ('posts'), ('api_keys'), ('idempotency_keys')) AS tables (name),
            (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS privileges (privilege)
        WHERE NOT has_table_privilege(to_regclass(name), privilege)
    ), '') AS missing_privileges,
    CASE WHEN to_regclass('posts') IS NULL THEN true
        ELSE has_sequence_privilege(pg_get_serial_sequence('posts', 'id'), 'UPDATE') END AS can_advance_sequences";

/// `None` on SQLite.
///
/// # Errors
/// The database's.
pub fn server_info(conn: &mut Connection) -> QueryResult<Option<ServerInfo>> {
    match &mut conn.backend {
        Backend::Postgres(conn) => diesel::sql_query(FACTS).get_result(conn).map(Some),
        Backend::Sqlite(_) => Ok(None),
    }
}

/// What a server says of itself as a standby.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct StandbyStatus {
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    /// Whether it missing_privileges what the primary had when it was asked.
    #[diesel(sql_type = Bool)]
    pub is_behind: bool,
    /// The age of the last change that it has replayed, in seconds.
    #[diesel(sql_type = BigInt)]
    pub seconds: i64,
}

const STANDBY: &str = "SELECT
    pg_is_in_recovery() AS is_standby,
    coalesce(pg_is_in_recovery() AND pg_last_wal_replay_lsn() < $1::pg_lsn, true) AS is_behind,
    coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::bigint AS seconds";
/// A standby is always a moment behind: so often it is asked again, after so long.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Asks a standby how it stands beside its primary; takes a second where it is behind. `None` on SQLite.
///
/// # Errors
/// The databases'.
pub fn standby_status(primary: &mut Connection, standby: &mut Connection) -> QueryResult<Option<StandbyStatus>> {
    let (Backend::Postgres(primary), Backend::Postgres(standby)) = (&mut primary.backend, &mut standby.backend) else {
        return Ok(None);
    };
    let position: String = diesel::select(FixedSql::<Text>::new("pg_current_wal_lsn()::text")).get_result(primary)?;
    let mut ask = || diesel::sql_query(STANDBY).bind::<Text, _>(&position).get_result::<StandbyStatus>(standby);
    let mut facts = ask()?;
    for _ in 1..LOOKS {
        if !(facts.is_standby && facts.is_behind) {
            break;
        }
        std::thread::park_timeout(PAUSE);
        facts = ask()?;
    }
    Ok(Some(facts))
}

/// How a URL has the way to PostgreSQL kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportSecurity {
    /// It does not leave this machine.
    Local,
    /// The server must show a certificate that is checked.
    Verified,
    /// Whoever answers at that address is believed.
    Unverified,
}

/// The way to the server by the URL's host and `sslmode`.
#[must_use]
pub fn transport_security(url: &PostgresUrl) -> TransportSecurity {
    if url.is_local() {
        TransportSecurity::Local
    } else if url.verifies_server() {
        TransportSecurity::Verified
    } else {
        TransportSecurity::Unverified
    }
}
