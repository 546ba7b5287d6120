//! What a database says when it is asked.

use std::fmt::Display;

use crate::db::inspect::{ServerInfo, TransportSecurity, transport_security};
use crate::db::{
    Connection, DatabaseUrl, Endpoints, PoolOptions, ReplicaOptions, Timestamp, inspect, is_same_database, migrations,
};
use crate::ops::doctor::{Check, State};
use crate::posts::store;

/// The oldest server that the migrations run on.
const OLDEST: i32 = 15;
/// Clocks that differ by no more make no difference to anybody, in microseconds.
const TOLERATED: i64 = 5_000_000;
const SECOND: i64 = 1_000_000;

/// Asks the database behind `url`, which is told of as `name`.
pub(crate) fn examine(name: &'static str, url: &DatabaseUrl, pool: PoolOptions, checks: &mut Vec<Check>) {
    let mut conn = match inspect::open(url) {
        Ok(conn) => conn,
        Err(error) => return checks.push(Check::new(name, State::Wrong, unreachable("DATABASE_URL", url, &error))),
    };
    let asked = conn.snapshot(|conn| {
        let mut answers = vec![Check::new(name, State::Ok, format!("{url} answers"))];
        let before = Timestamp::now();
        let facts = inspect::server_info(conn)?;
        let after = Timestamp::now();
        let schema = schema(conn, facts.as_ref())?;
        let is_complete = schema.state != State::Wrong;
        answers.push(schema);
        match (facts, url) {
            (Some(facts), DatabaseUrl::Postgres(postgres)) => {
                answers.extend([
                    server(&facts),
                    rights(&facts),
                    tls(transport_security(postgres), &facts),
                    clock(&facts, before, after),
                    connections(&facts, pool),
                ]);
            }
            _ if is_complete => answers.push(own_clock(store::newest_change(conn)?, after)),
            _ => {}
        }
        Ok::<_, migrations::Error>(answers)
    });
    match asked {
        Ok(answers) => checks.extend(answers),
        Err(error) => checks.push(Check::new(name, State::Wrong, format!("{url} does not answer: {error}"))),
    }
}

/// The other ways to a database of PostgreSQL that answers.
pub(crate) fn beside(url: &DatabaseUrl, endpoints: &Endpoints) -> Vec<Check> {
    let Ok(mut primary) = inspect::open(url) else { return Vec::new() };
    let direct = endpoints.direct.as_ref().map(|url| direct(&mut primary, url));
    let replica = endpoints.replica.as_ref().map(|options| replica(&mut primary, options));
    direct.into_iter().chain(replica).collect()
}

fn direct(database: &mut Connection, url: &DatabaseUrl) -> Check {
    const NAME: &str = "direct";
    let mut direct = match inspect::open(url) {
        Ok(direct) => direct,
        Err(error) => return Check::new(NAME, State::Wrong, unreachable("DATABASE_DIRECT_URL", url, &error)),
    };
    if is_same_database(database, &mut direct) {
        Check::new(NAME, State::Ok, format!("{url} leads to the same database"))
    } else {
        Check::new(NAME, State::Wrong, "DATABASE_DIRECT_URL leads to another database than DATABASE_URL: mend one")
    }
}

/// A replica that is not well is left out, and the service goes on.
fn replica(primary: &mut Connection, options: &ReplicaOptions) -> Check {
    const NAME: &str = "replica";
    let warning = |says: &str| Check::new(NAME, State::Warning, format!("{says}; reads go to the primary until then"));
    let mut standby = match inspect::open(&options.url) {
        Ok(standby) => standby,
        Err(error) => return warning(&unreachable("DATABASE_READ_URL", &options.url, &error)),
    };
    let is_one = is_same_database(primary, &mut standby);
    let max_lag = i64::try_from(options.max_lag.as_secs()).unwrap_or(i64::MAX);
    match inspect::standby_status(primary, &mut standby) {
        Err(error) => warning(&format!("{} cannot be compared with the primary ({error}): mend that", options.url)),
        Ok(Some(facts)) if !facts.is_standby => {
            warning("DATABASE_READ_URL leads to a server that is no standby: let it name one")
        }
        Ok(_) if !is_one => warning("DATABASE_READ_URL leads to a standby of another server: let it name one of this"),
        Ok(Some(facts)) if facts.is_behind && facts.seconds > max_lag => warning(&format!(
            "the replica is {} s behind, and MAX_REPLICA_LAG allows {max_lag}: see whether its replication runs",
            facts.seconds
        )),
        Ok(_) => Check::new(NAME, State::Ok, format!("{} follows the primary", options.url)),
    }
}

/// Why the database that `setting` names cannot be used, and what to do.
fn unreachable(setting: &str, url: &DatabaseUrl, error: &impl Display) -> String {
    let error = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let remedy = if says(&["password", "authentication", "no pg_hba.conf entry"]) {
        format!("check user and password in {setting}, and the server's pg_hba.conf")
    } else if says(&["certificate", "SSL"]) {
        format!("check sslmode and sslrootcert in {setting}: the server's certificate must be for its host's name")
    } else if says(&["does not exist"]) {
        format!("make it, or mend its name in {setting}")
    } else if matches!(url, DatabaseUrl::Postgres(_)) {
        format!("see that the server runs, and that host and port in {setting} are its own")
    } else {
        format!("let {setting} name a database of this service, or restore it from a backup")
    };
    format!("{error}: {remedy}")
}

fn schema(conn: &mut Connection, facts: Option<&ServerInfo>) -> Result<Check, migrations::Error> {
    const NAME: &str = "schema";
    let (pending, unknown) = (migrations::pending(conn)?, migrations::unknown(conn)?);
    Ok(if !unknown.is_empty() {
        let says = format!(
            "a newer release has migrated the database ({}): the release right before that one serves on it, an older \
             one may fail",
            unknown.join(", ")
        );
        Check::new(NAME, State::Warning, says)
    } else if pending.is_empty() {
        Check::new(NAME, State::Ok, "every migration has been applied")
    } else {
        let how = match facts {
            Some(facts) if !facts.can_create_tables => {
                "posts-api migrate, as a user that may make tables, applies them"
            }
            _ => "posts-api migrate applies them, and so does the next start",
        };
        Check::new(NAME, State::Wrong, format!("{} migrations are pending: {how}", pending.len()))
    })
}

fn server(facts: &ServerInfo) -> Check {
    const NAME: &str = "server";
    let version = facts.version / 10_000;
    if version < OLDEST {
        Check::new(NAME, State::Wrong, format!("it is PostgreSQL {version}: version {OLDEST} or newer is needed"))
    } else if facts.is_read_only {
        let says = "it takes no writes, as a standby or by default_transaction_read_only: let DATABASE_URL name the \
                    primary";
        Check::new(NAME, State::Wrong, says)
    } else {
        Check::new(NAME, State::Ok, format!("it is PostgreSQL {version} and takes writes"))
    }
}

fn rights(facts: &ServerInfo) -> Check {
    const NAME: &str = "privileges";
    if !facts.missing_privileges.is_empty() {
        let says = format!("the user lacks {}: GRANT them", facts.missing_privileges);
        Check::new(NAME, State::Wrong, says)
    } else if facts.can_advance_sequences {
        Check::new(NAME, State::Ok, "the user may read and write every table")
    } else {
        let says = "the user may read and write every table, but import also takes UPDATE on the sequences";
        Check::new(NAME, State::Warning, says)
    }
}

fn tls(way: TransportSecurity, facts: &ServerInfo) -> Check {
    const NAME: &str = "tls";
    match (way, facts.is_encrypted) {
        (TransportSecurity::Local, _) => {
            Check::new(NAME, State::Ok, "the way to the server does not leave this machine")
        }
        (TransportSecurity::Verified, _) => Check::new(NAME, State::Ok, "the server's certificate is checked"),
        (TransportSecurity::Unverified, true) => {
            let says = "the connection is encrypted, but nobody checks with whom: sslmode=verify-full does, with the \
                        authority in sslrootcert";
            Check::new(NAME, State::Warning, says)
        }
        (TransportSecurity::Unverified, false) => {
            let says = "the connection is not encrypted: where others share the network, use sslmode=verify-full";
            Check::new(NAME, State::Warning, says)
        }
    }
}

fn clock(facts: &ServerInfo, before: Timestamp, after: Timestamp) -> Check {
    const NAME: &str = "clock";
    let ahead = before.as_microseconds() - facts.clock;
    let behind = facts.clock - after.as_microseconds();
    let off = ahead.max(behind);
    if off > TOLERATED {
        let which = if ahead > behind { "ahead of" } else { "behind" };
        let says = format!(
            "this machine's clock is {} s {which} the database's: set both by NTP, or posts and keys come and expire \
             at another time than they say",
            off / SECOND
        );
        Check::new(NAME, State::Wrong, says)
    } else {
        Check::new(NAME, State::Ok, "this machine's clock and the database's agree")
    }
}

/// SQLite has the clock of this machine; what was written by it cannot lie ahead.
fn own_clock(newest: Option<Timestamp>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    match newest {
        Some(newest) if newest.as_microseconds() - now.as_microseconds() > TOLERATED => {
            let says = format!("it is {now} here, but a post was changed at {newest}: check this machine's clock");
            Check::new(NAME, State::Warning, says)
        }
        _ => Check::new(NAME, State::Ok, format!("it is {now} here, and nothing was written after that")),
    }
}

fn connections(facts: &ServerInfo, pool: PoolOptions) -> Check {
    const NAME: &str = "connections";
    let (max, open) = (facts.max_connections, facts.connections);
    // One more looks for changes.
    let needed = i64::from(pool.size) + 1;
    if needed > max {
        let says = format!(
            "each instance opens up to {needed}, and the server has {max} for all: lower DB_POOL_SIZE, or raise its \
             max_connections"
        );
        Check::new(NAME, State::Wrong, says)
    } else if open + needed > max {
        let says = format!("{open} of {max} are open, and each instance opens up to {needed}: lower DB_POOL_SIZE");
        Check::new(NAME, State::Warning, says)
    } else {
        Check::new(NAME, State::Ok, format!("{open} of {max} are open, and each instance opens up to {needed}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(is_encrypted: bool) -> ServerInfo {
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
    fn only_a_way_that_others_may_listen_on_or_answer_at_is_warned_of() {
        for (way, is_encrypted, state, word) in [
            (TransportSecurity::Local, false, State::Ok, "machine"),
            (TransportSecurity::Verified, true, State::Ok, "checked"),
            (TransportSecurity::Unverified, true, State::Warning, "verify-full"),
            (TransportSecurity::Unverified, false, State::Warning, "not encrypted"),
        ] {
            let check = tls(way, &facts(is_encrypted));
            assert!(check.state == state && check.says.contains(word), "{way:?} {is_encrypted}: {check:?}");
        }
    }

    #[test]
    fn clocks_may_differ_by_five_seconds_and_the_time_that_asking_takes() {
        let at = |seconds: i64| Timestamp::from_microseconds(seconds * SECOND).unwrap();
        for (before, after, state, word) in [
            (0, 0, State::Ok, "agree"),
            (5, 5, State::Ok, "agree"),
            (-30, 30, State::Ok, "agree"),
            (6, 7, State::Wrong, "6 s ahead of"),
            (-9, -8, State::Wrong, "8 s behind"),
        ] {
            let check = clock(&facts(true), at(before), at(after));
            assert!(check.state == state && check.says.contains(word), "{before} {after}: {check:?}");
        }
    }

    #[test]
    fn a_server_that_is_too_old_is_told() {
        assert_eq!(server(&ServerInfo { version: 149_999, ..facts(true) }).state, State::Wrong);
        assert_eq!(server(&facts(true)).state, State::Ok);
    }
}
