//! Diagnostics for operators: facts about a server and its user, read without changing anything.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use crate::db::connection::{Backend, ConnectError, Connection};
use crate::db::fixed_sql::FixedSql;
use crate::db::options::Purpose;
use crate::db::sequences::Sequence;
use crate::db::tables::Table;
use crate::db::url::{DatabaseUrl, PostgresUrl};

/// Opens a connection for reading. Does not create a missing SQLite file. PostgreSQL cancels statements after 10
/// seconds.
pub fn open(url: &DatabaseUrl) -> Result<Connection, ConnectError> {
    Connection::open_for(url, Purpose::Inspect)
}

/// Facts about a PostgreSQL server and its user.
#[derive(Debug, QueryableByName)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent columns of one row")]
pub struct ServerInfo {
    /// `server_version_num`: `150_004` is 15.4.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The server's clock, in microseconds since 1970-01-01T00:00:00Z.
    #[diesel(sql_type = BigInt)]
    pub clock: i64,
    /// Whether the server is a standby, or is set to reject writes.
    #[diesel(sql_type = Bool)]
    pub is_read_only: bool,
    /// The maximum number of connections for users that are not superusers.
    #[diesel(sql_type = BigInt)]
    pub max_connections: i64,
    /// Open connections, including this one.
    #[diesel(sql_type = BigInt)]
    pub connections: i64,
    /// Whether this connection uses TLS. Behind a pooler: the connection from the pooler to the server.
    #[diesel(sql_type = Bool)]
    pub is_encrypted: bool,
    /// Whether the user may create tables in the service's schema.
    #[diesel(sql_type = Bool)]
    pub can_create_tables: bool,
    /// The table privileges that the service needs and the user lacks: `DELETE on posts, UPDATE on posts`.
    #[diesel(sql_type = Text)]
    pub missing_privileges: String,
    /// Whether the user may read and set the id sequences, as a transfer with `--keys` does.
    #[diesel(sql_type = Bool)]
    pub can_advance_sequences: bool,
}

const SERVER_INFO: &str = "SELECT
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
        FROM (VALUES {tables}) AS tables (name),
            (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS privileges (privilege)
        WHERE NOT has_table_privilege(to_regclass(name), privilege)
    ), '') AS missing_privileges,
    coalesce((
        SELECT bool_and(
            has_sequence_privilege(pg_get_serial_sequence(name, 'id'), 'SELECT')
            AND has_sequence_privilege(pg_get_serial_sequence(name, 'id'), 'UPDATE'))
        FROM (VALUES {sequences}) AS tables (name)
        WHERE to_regclass(name) IS NOT NULL
    ), true) AS can_advance_sequences";

/// Returns `None` on SQLite.
pub fn server_info(conn: &mut Connection) -> QueryResult<Option<ServerInfo>> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(None) };
    let sql = SERVER_INFO
        .replace("{tables}", &sql_rows(Table::ALL))
        .replace("{sequences}", &sql_rows(Sequence::ALL.map(Sequence::table)));
    diesel::sql_query(sql).get_result(conn).map(Some)
}

/// The rows of a `VALUES` list: `('posts'), ('api_keys')`.
fn sql_rows<const N: usize>(tables: [Table; N]) -> String {
    tables.map(|table| format!("('{}')", table.name())).join(", ")
}

/// A transaction that may have written rows of the log of changes.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LogWriter {
    /// The process and its application, or the prepared transaction.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// How long the transaction has been open.
    #[diesel(sql_type = BigInt)]
    pub seconds: i64,
}

const OLDEST_LOG_WRITER: &str = "SELECT name, extract(epoch FROM clock_timestamp() - began)::bigint AS seconds
    FROM (
        SELECT format('process %s (%s)', pid, coalesce(nullif(application_name, ''), usename)) AS name,
            xact_start AS began,
            pid::text AS holder
        FROM pg_stat_activity
        UNION ALL
        SELECT format('the prepared transaction %L', gid), prepared, '-1/' || transaction FROM pg_prepared_xacts
    ) AS transactions
    JOIN pg_locks ON holder = coalesce(pid::text, virtualtransaction)
    WHERE began IS NOT NULL AND relation = to_regclass('post_changes') AND granted
        AND mode NOT IN ('AccessShareLock', 'RowShareLock')
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY began LIMIT 1";

/// The oldest open transaction that the change feed waits for. `None` if there is none, and on SQLite.
pub fn oldest_log_writer(conn: &mut Connection) -> QueryResult<Option<LogWriter>> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(None) };
    diesel::sql_query(OLDEST_LOG_WRITER).get_result(conn).optional()
}

/// The replication status of a server.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct StandbyStatus {
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    /// Whether the server has yet to replay the WAL that the primary had at the start of the check.
    #[diesel(sql_type = Bool)]
    pub is_behind: bool,
    /// The age of the last replayed transaction, in seconds. It also grows while the primary writes nothing.
    #[diesel(sql_type = BigInt)]
    pub seconds: i64,
}

const STANDBY_STATUS: &str = "SELECT
    pg_is_in_recovery() AS is_standby,
    coalesce(pg_is_in_recovery() AND pg_last_wal_replay_lsn() < $1::pg_lsn, true) AS is_behind,
    coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::bigint AS seconds";
/// A healthy standby is briefly behind after each write, so it is checked several times.
const STANDBY_CHECKS: u32 = 10;
const STANDBY_PAUSE: Duration = Duration::from_millis(100);

/// Checks whether `standby` follows `primary`. Takes up to one second if it is behind. Returns `None` on SQLite.
pub fn standby_status(primary: &mut Connection, standby: &mut Connection) -> QueryResult<Option<StandbyStatus>> {
    let (Backend::Postgres(primary), Backend::Postgres(standby)) = (&mut primary.backend, &mut standby.backend) else {
        return Ok(None);
    };
    let lsn: String = diesel::select(FixedSql::<Text>::new("pg_current_wal_lsn()::text")).get_result(primary)?;
    let mut check = || diesel::sql_query(STANDBY_STATUS).bind::<Text, _>(&lsn).get_result::<StandbyStatus>(standby);
    let mut status = check()?;
    for _ in 1..STANDBY_CHECKS {
        if !(status.is_standby && status.is_behind) {
            break;
        }
        std::thread::park_timeout(STANDBY_PAUSE);
        status = check()?;
    }
    Ok(Some(status))
}

/// How a URL protects the connection to PostgreSQL against eavesdropping and impersonation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportSecurity {
    /// The connection does not leave this machine.
    Local,
    /// The client verifies the server's certificate.
    Verified,
    /// The client does not verify who the server is. The connection may or may not be encrypted.
    Unverified,
}

/// Determines the protection from the URL's host and `sslmode`.
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
