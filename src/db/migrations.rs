//! The embedded migrations of `migrations/`, applied under a lock so that any number of instances may start at once.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::db::connection::{Backend, Connection, on};
use crate::db::postgres::open::quote_identifier;
use crate::db::url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Held while migrations run: a fixed number that no other program on this database is likely to use.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8101820111974519135)";
/// A migration that waits for a table has everyone who comes after it wait, readers too. So it gives up before their
/// requests do, lets them pass, and tries again.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";
/// The migrations ask for ICU's rules by this name. A server that was built without ICU, such as Prisma's local one, has
/// Unicode's rules of its own from version 17 on, which do: in some scripts they cut words elsewhere.
const COLLATION: &str = r#"DO $$ BEGIN
    IF current_setting('server_version_num')::integer >= 170000
        AND NOT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND pg_collation_is_visible(oid))
    THEN
        CREATE COLLATION "und-x-icu" (PROVIDER = builtin, LOCALE = 'C.UTF-8');
    END IF;
END $$"#;
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

diesel::table! {
    /// Where diesel notes what was applied.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Why migrations could not be read or applied.
#[derive(Debug, thiserror::Error)]
#[error("cannot migrate the database: {0}")]
pub struct Error(String);

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self(error.to_string())
    }
}

impl Error {
    fn is_lock_timeout(&self) -> bool {
        self.0.contains("due to lock timeout")
    }
}

/// Applies what is pending, all or nothing, and answers the names of what was applied.
///
/// # Errors
/// A migration failed, or the lock on a table could not be had in 10 seconds; nothing is applied then.
pub fn run(conn: &mut Connection, url: &DatabaseUrl) -> Result<Vec<String>, Error> {
    // Read without the lock, so that a start that has nothing to do needs neither it nor the right to create tables.
    if pending(conn)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut done = apply(conn, url);
    for _ in 1..ATTEMPTS {
        match &done {
            Err(error) if error.is_lock_timeout() => tracing::warn!(%error, "trying again"),
            _ => break,
        }
        std::thread::park_timeout(PAUSE);
        done = apply(conn, url);
    }
    done
}

fn apply(conn: &mut Connection, url: &DatabaseUrl) -> Result<Vec<String>, Error> {
    conn.transaction(|conn| {
        prepare(conn, url)?;
        let mut names = known(conn)?;
        // Only those that were still pending: another instance may have applied some while this one waited.
        let applied = match &mut conn.backend {
            Backend::Postgres(conn) => conn.run_pending_migrations(POSTGRES).map(|applied| versions(&applied)),
            Backend::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(|applied| versions(&applied)),
        }
        .map_err(explain)?;
        names.retain(|(version, _)| applied.contains(version));
        Ok(names.into_iter().map(|(_, name)| name).collect())
    })
}

fn versions(applied: &[MigrationVersion<'_>]) -> Vec<String> {
    applied.iter().map(ToString::to_string).collect()
}

/// Somebody else's table in the way is the mistake that people make: the guide this service grew from has a `posts`.
fn explain(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let message = error.to_string();
    let hint = if message.contains("already exists") {
        "; the database has something of this name that the service did not make: add schema=posts_api to the \
         parameters of DATABASE_URL, and it keeps its tables apart"
    } else if message.contains("due to lock timeout") {
        "; nothing was changed, because a transaction of another program holds a table: end it (pg_stat_activity \
         shows it) or wait for it, then start again"
    } else {
        ""
    };
    Error(format!("{message}{hint}"))
}

/// The names of the migrations that were not applied yet, oldest first. Changes nothing.
///
/// # Errors
/// The database does not answer.
pub fn pending(conn: &mut Connection) -> Result<Vec<String>, Error> {
    let mut names = known(conn)?;
    let applied = applied(conn)?;
    names.retain(|(version, _)| !applied.contains(version));
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// The versions that were applied and that this program does not know: a newer one has applied them. Changes nothing.
///
/// # Errors
/// The database does not answer.
pub fn unknown(conn: &mut Connection) -> Result<Vec<String>, Error> {
    let names = known(conn)?;
    let mut applied = applied(conn)?;
    applied.retain(|version| !names.iter().any(|(known, _)| known == version));
    applied.sort();
    Ok(applied)
}

/// The versions and names of all migrations, oldest first.
fn known(conn: &Connection) -> Result<Vec<(String, String)>, Error> {
    let mut names = match &conn.backend {
        Backend::Postgres(_) => names(MigrationSource::<Pg>::migrations(&POSTGRES)?),
        Backend::Sqlite(_) => names(MigrationSource::<Sqlite>::migrations(&SQLITE)?),
    };
    names.sort();
    Ok(names)
}

/// Holds all others off, and makes what the migrations take for given. On SQLite the transaction's own write lock does it.
fn prepare(conn: &mut Connection, url: &DatabaseUrl) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    conn.batch_execute(LOCK)?;
    conn.batch_execute(LOCK_TIMEOUT)?;
    match url {
        DatabaseUrl::Postgres(url) => url.schema.as_deref(),
        DatabaseUrl::Sqlite { .. } => None,
    }
    .map_or(Ok(()), |schema| {
        conn.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema)))
    })?;
    conn.batch_execute(COLLATION)
}

fn names<DB: diesel::backend::Backend>(
    migrations: Vec<Box<dyn diesel::migration::Migration<DB>>>,
) -> Vec<(String, String)> {
    migrations.iter().map(|migration| (migration.name().version().to_string(), migration.name().to_string())).collect()
}

fn applied(conn: &mut Connection) -> QueryResult<Vec<String>> {
    use __diesel_schema_migrations::dsl;
    if !has_been_migrated(conn)? {
        return Ok(Vec::new());
    }
    on!(conn, conn => dsl::__diesel_schema_migrations.select(dsl::version).load(conn))
}

fn has_been_migrated(conn: &mut Connection) -> QueryResult<bool> {
    const TABLE: &str = "__diesel_schema_migrations";
    match &mut conn.backend {
        Backend::Postgres(conn) => diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "to_regclass('__diesel_schema_migrations') IS NOT NULL",
        ))
        .get_result(conn),
        Backend::Sqlite(conn) => sqlite_master::table
            .filter(sqlite_master::name.eq(TABLE))
            .count()
            .get_result::<i64>(conn)
            .map(|tables| tables > 0),
    }
}

diesel::table! {
    /// SQLite's own list of tables.
    sqlite_master (name) {
        name -> Text,
    }
}
