//! Checks of the database and of its other endpoints.

use std::fmt::Display;

use crate::config::Config;
use crate::db::inspect::{ServerInfo, TransportSecurity, transport_security};
use crate::db::{
    Connection, DatabaseUrl, Endpoints, PoolOptions, ReplicaOptions, Timestamp, inspect, is_same_database, migrations,
};
use crate::ops::doctor::{Check, Status, changes, webhooks};
use crate::posts::store;

/// The oldest PostgreSQL version that the migrations support.
const MIN_POSTGRES_VERSION: i32 = 15;
/// The tolerated difference between two clocks, in microseconds.
const MAX_CLOCK_SKEW: i64 = 5_000_000;
const SECOND: i64 = 1_000_000;

/// Connects to the database and checks it. `name` is the name of the connection check.
pub(crate) fn run_checks(name: &'static str, config: &Config, checks: &mut Vec<Check>) {
    let (url, pool) = (&config.database, config.pool);
    let mut conn = match inspect::open(url) {
        Ok(conn) => conn,
        Err(error) => return checks.push(Check::error(name, connect_failure("DATABASE_URL", url, &error))),
    };
    let result = conn.snapshot(|conn| {
        let mut results = vec![Check::ok(name, format!("connected to {url}"))];
        let (before, info, after) = (Timestamp::now(), inspect::server_info(conn)?, Timestamp::now());
        let schema = check_schema(conn, info.as_ref())?;
        let is_schema_usable = schema.status != Status::Error;
        results.push(schema);
        match (info, url) {
            (Some(info), DatabaseUrl::Postgres(postgres)) => {
                results.extend([
                    check_server(&info),
                    check_privileges(&info),
                    check_tls(transport_security(postgres), &info),
                    check_clock(&info, before, after),
                    check_connections(&info, pool),
                ]);
            }
            _ if is_schema_usable => results.push(check_local_clock(store::newest_change(conn)?, after)),
            _ => {}
        }
        if is_schema_usable {
            results.extend([changes::check(conn, after)?, webhooks::check(conn, config)?]);
        }
        Ok::<_, migrations::Error>(results)
    });
    match result {
        Ok(results) => checks.extend(results),
        Err(error) => checks.push(Check::error(name, format!("{url}: {error}"))),
    }
}

/// Checks the direct and the replica endpoint, if they are configured and the PostgreSQL primary is reachable.
pub(crate) fn check_endpoints(url: &DatabaseUrl, endpoints: &Endpoints) -> Vec<Check> {
    let Ok(mut primary) = inspect::open(url) else { return Vec::new() };
    let direct = endpoints.direct.as_ref().map(|url| check_direct(&mut primary, url));
    let replica = endpoints.replica.as_ref().map(|options| check_replica(&mut primary, options));
    direct.into_iter().chain(replica).collect()
}

fn check_direct(database: &mut Connection, url: &DatabaseUrl) -> Check {
    const NAME: &str = "direct";
    let mut direct = match inspect::open(url) {
        Ok(direct) => direct,
        Err(error) => return Check::error(NAME, connect_failure("DATABASE_DIRECT_URL", url, &error)),
    };
    if is_same_database(database, &mut direct) {
        Check::ok(NAME, format!("{url} is the same database as DATABASE_URL"))
    } else {
        Check::error(NAME, "DATABASE_DIRECT_URL names a different database than DATABASE_URL; fix one of them")
    }
}

/// Checks that the replica is a standby of the primary and does not lag. Problems are only warnings, because the
/// service continues without an unhealthy replica.
fn check_replica(primary: &mut Connection, options: &ReplicaOptions) -> Check {
    const NAME: &str = "replica";
    let warning = |message: &str| Check::warning(NAME, format!("{message}; until then all reads go to the primary"));
    let mut standby = match inspect::open(&options.url) {
        Ok(standby) => standby,
        Err(error) => return warning(&connect_failure("DATABASE_READ_URL", &options.url, &error)),
    };
    let is_same = is_same_database(primary, &mut standby);
    let max_lag = i64::try_from(options.max_lag.as_secs()).unwrap_or(i64::MAX);
    match inspect::standby_status(primary, &mut standby) {
        Err(error) => warning(&format!("failed to compare {} with the primary: {error}; fix this", options.url)),
        Ok(Some(status)) if !status.is_standby => {
            warning("DATABASE_READ_URL names a server that is not a standby; set it to a standby")
        }
        Ok(_) if !is_same => {
            warning("DATABASE_READ_URL names a standby of another server; set it to a standby of the primary")
        }
        Ok(Some(status)) if status.is_behind && status.seconds > max_lag => warning(&format!(
            "the replica is {} s behind, but MAX_REPLICA_LAG allows {max_lag} s; check its replication",
            status.seconds
        )),
        Ok(_) => Check::ok(NAME, format!("{} is a standby of the primary", options.url)),
    }
}

/// Describes why the connection to the URL in `setting` failed, and suggests a fix.
fn connect_failure(setting: &str, url: &DatabaseUrl, error: &impl Display) -> String {
    let error = error.to_string();
    let mentions = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let fix = if mentions(&["password", "authentication", "no pg_hba.conf entry"]) {
        format!("check user and password in {setting}, and pg_hba.conf on the server")
    } else if mentions(&["certificate", "SSL"]) {
        format!("check sslmode and sslrootcert in {setting}; the server certificate must match the host name")
    } else if mentions(&["does not exist"]) {
        format!("create it, or correct its name in {setting}")
    } else if matches!(url, DatabaseUrl::Postgres(_)) {
        format!("check that the server is running and that host and port in {setting} are correct")
    } else {
        format!("set {setting} to a database of this service, or restore the database from a backup")
    };
    format!("{error}; {fix}")
}

fn check_schema(conn: &mut Connection, info: Option<&ServerInfo>) -> Result<Check, migrations::Error> {
    const NAME: &str = "schema";
    let (pending, unknown) = (migrations::pending(conn)?, migrations::unknown(conn)?);
    Ok(if !unknown.is_empty() {
        let message = format!(
            "a newer release has migrated the database ({}); run that release or the one directly before it, as older \
             ones may fail",
            unknown.join(", ")
        );
        Check::warning(NAME, message)
    } else if pending.is_empty() {
        Check::ok(NAME, "all migrations are applied")
    } else {
        let fix = match info {
            Some(info) if !info.can_create_tables => "run posts-api migrate as a user that can create tables",
            _ => "run posts-api migrate, or start the service",
        };
        Check::error(NAME, format!("{} migrations are pending; {fix}", pending.len()))
    })
}

fn check_server(info: &ServerInfo) -> Check {
    const NAME: &str = "server";
    let version = info.version / 10_000;
    if version < MIN_POSTGRES_VERSION {
        Check::error(
            NAME,
            format!("PostgreSQL {version} is not supported; use version {MIN_POSTGRES_VERSION} or later"),
        )
    } else if info.is_read_only {
        let message = "the server is read-only, as a standby or by default_transaction_read_only; set DATABASE_URL to \
                       the primary";
        Check::error(NAME, message)
    } else {
        Check::ok(NAME, format!("PostgreSQL {version}, read-write"))
    }
}

fn check_privileges(info: &ServerInfo) -> Check {
    const NAME: &str = "privileges";
    if !info.missing_privileges.is_empty() {
        Check::error(NAME, format!("the user lacks {}; grant these privileges with GRANT", info.missing_privileges))
    } else if info.can_advance_sequences {
        Check::ok(NAME, "the user can read and write all tables")
    } else {
        let message =
            "the user can read and write all tables, but not import; grant SELECT and UPDATE on the sequences";
        Check::warning(NAME, message)
    }
}

fn check_tls(security: TransportSecurity, info: &ServerInfo) -> Check {
    const NAME: &str = "tls";
    match (security, info.is_encrypted) {
        (TransportSecurity::Local, _) => Check::ok(NAME, "the connection does not leave this machine"),
        (TransportSecurity::Verified, _) => {
            Check::ok(NAME, "the connection is encrypted and the server certificate is verified")
        }
        (TransportSecurity::Unverified, true) => {
            let message = "the connection is encrypted, but the server certificate is not verified; set \
                           sslmode=verify-full, and sslrootcert to the certificate authority";
            Check::warning(NAME, message)
        }
        (TransportSecurity::Unverified, false) => {
            let message = "the connection is not encrypted; set sslmode=verify-full unless the network is private";
            Check::warning(NAME, message)
        }
    }
}

/// Compares this machine's clock, read before and after the query, with the server's.
fn check_clock(info: &ServerInfo, before: Timestamp, after: Timestamp) -> Check {
    const NAME: &str = "clock";
    let ahead = before.as_microseconds() - info.clock;
    let behind = info.clock - after.as_microseconds();
    let skew = ahead.max(behind);
    if skew > MAX_CLOCK_SKEW {
        let direction = if ahead > behind { "ahead of" } else { "behind" };
        let message = format!(
            "this machine's clock is {} s {direction} the database's, so posts are published and keys expire at the \
             wrong time; synchronize both with NTP",
            skew / SECOND
        );
        Check::error(NAME, message)
    } else {
        Check::ok(NAME, "the clocks of this machine and the database agree")
    }
}

/// Compares this machine's clock with the newest change, because SQLite has no other clock. A change in the future
/// means that a clock was wrong.
fn check_local_clock(newest: Option<Timestamp>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    match newest {
        Some(newest) if newest.as_microseconds() - now.as_microseconds() > MAX_CLOCK_SKEW => {
            let message =
                format!("this machine's clock is at {now}, but a post was changed at {newest}; check the clock");
            Check::warning(NAME, message)
        }
        _ => Check::ok(NAME, format!("this machine's clock is at {now}, and no change is later")),
    }
}

fn check_connections(info: &ServerInfo, pool: PoolOptions) -> Check {
    const NAME: &str = "connections";
    let (max, open) = (info.max_connections, info.connections);
    // The change poller and the thread that cancels statements use one connection each. A pool of one connection has
    // another one for long reads.
    let needed = i64::from(pool.size) + 2 + i64::from(pool.size == 1);
    if needed > max {
        let message = format!(
            "an instance opens up to {needed} connections, but the server allows {max}; lower DB_POOL_SIZE or raise \
             max_connections"
        );
        Check::error(NAME, message)
    } else if open + needed > max {
        let message = format!(
            "{open} of {max} connections are open, and an instance opens up to {needed}; lower DB_POOL_SIZE or raise \
             max_connections"
        );
        Check::warning(NAME, message)
    } else {
        Check::ok(NAME, format!("{open} of {max} connections are open, and an instance opens up to {needed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_info(is_encrypted: bool) -> ServerInfo {
        ServerInfo {
            version: 150_004,
            clock: 0,
            is_read_only: false,
            max_connections: 100,
            connections: 1,
            is_encrypted,
            can_create_tables: true,
            missing_privileges: String::new(),
            can_advance_sequences: true,
        }
    }

    #[test]
    fn only_unverified_connections_get_a_tls_warning() {
        for (security, is_encrypted, status, word) in [
            (TransportSecurity::Local, false, Status::Ok, "machine"),
            (TransportSecurity::Verified, true, Status::Ok, "verified"),
            (TransportSecurity::Unverified, true, Status::Warning, "verify-full"),
            (TransportSecurity::Unverified, false, Status::Warning, "not encrypted"),
        ] {
            let check = check_tls(security, &server_info(is_encrypted));
            assert!(check.status == status && check.message.contains(word), "{security:?} {is_encrypted}: {check:?}");
        }
    }

    #[test]
    fn clocks_may_differ_by_five_seconds_plus_the_query_time() {
        let at = |seconds: i64| Timestamp::from_microseconds(seconds * SECOND).unwrap();
        for (before, after, status, word) in [
            (0, 0, Status::Ok, "agree"),
            (5, 5, Status::Ok, "agree"),
            (-30, 30, Status::Ok, "agree"),
            (6, 7, Status::Error, "6 s ahead of"),
            (-9, -8, Status::Error, "8 s behind"),
        ] {
            let check = check_clock(&server_info(true), at(before), at(after));
            assert!(check.status == status && check.message.contains(word), "{before} {after}: {check:?}");
        }
    }

    #[test]
    fn an_unsupported_server_version_is_an_error() {
        assert_eq!(check_server(&ServerInfo { version: 149_999, ..server_info(true) }).status, Status::Error);
        assert_eq!(check_server(&server_info(true)).status, Status::Ok);
    }
}
