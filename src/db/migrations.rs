//! The embedded migrations of `migrations/`, and the runner that applies them under a lock.
//!
//! diesel takes no lock for migrations, and several instances may start at once. The runner therefore works in steps:
//!
//! 1. Read which migrations are pending. If there are none, stop, without a lock and without the privilege to create
//!    tables.
//! 2. Begin a transaction and take a lock: `pg_advisory_xact_lock` on PostgreSQL, the write lock on SQLite.
//! 3. Read the pending migrations again, because another instance may have applied some, and apply them.
//! 4. If a table lock is not available within a second, roll back, wait a second, and start again at step 2.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection};
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::db::connection::{Backend, Connection, on};
use crate::db::postgres::open::quote_identifier;
use crate::db::postgres::sqlstate::{self, Condition};
use crate::db::url::DatabaseUrl;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The key is an arbitrary constant that no other program on this database is likely to use.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8101820111974519135)";
/// While a migration waits for a table lock, every later query on the table waits behind it, including reads. The
/// migration must give up before those requests time out.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";
/// The migrations use ICU's root collation by this name. A server that was built without ICU, such as Prisma's local
/// one, lacks it. From version 17 on, PostgreSQL's built-in Unicode rules replace it. With these, only ASCII digits
/// belong to words.
const COLLATION: &str = r#"DO $$ BEGIN
    IF current_setting('server_version_num')::integer >= 170000
        AND NOT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND pg_collation_is_visible(oid))
    THEN
        CREATE COLLATION "und-x-icu" (PROVIDER = builtin, LOCALE = 'C.UTF-8');
    END IF;
END $$"#;
const MAX_ATTEMPTS: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

diesel::table! {
    /// diesel's record of the applied migrations.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Why migrations could not be read or applied, with the remedy if the cause is known.
#[derive(Debug, thiserror::Error)]
#[error("cannot migrate the database: {message}")]
pub struct Error {
    message: String,
    sqlstate: Option<String>,
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        Self { message: error.to_string(), sqlstate: sqlstate::sqlstate(&error).map(str::to_owned) }
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self { message: error.to_string(), sqlstate: None }
    }
}

impl Error {
    fn condition(&self) -> Option<Condition> {
        self.sqlstate.as_deref().map(sqlstate::condition)
    }

    /// The remedy if operators can fix the cause. An unrelated table named `posts` is the most common one.
    fn hint(&self) -> &'static str {
        let already_exists = match self.sqlstate.as_deref() {
            // duplicate_column, duplicate_object, duplicate_schema, duplicate_table, and duplicate_function.
            Some(code) => matches!(code, "42701" | "42710" | "42P06" | "42P07" | "42723"),
            // A message of SQLite, which is never translated.
            None => self.message.contains("already exists"),
        };
        match self.condition() {
            _ if already_exists => {
                "; another program has created an object of this name: add schema=posts_api to the parameters of \
                 DATABASE_URL to give this service a schema of its own"
            }
            // The name of the missing collation is in the message in every language.
            _ if self.message.contains("und-x-icu") => {
                "; this server was built without ICU, which versions before PostgreSQL 17 need: use a build with ICU, \
                 or PostgreSQL 17 or newer"
            }
            // lock_not_available, deadlock_detected, and object_in_use.
            _ if matches!(self.sqlstate.as_deref(), Some("55P03" | "40P01" | "55006")) => {
                "; nothing was changed, because another transaction holds a table lock: end it (see pg_stat_activity) \
                 or wait for it, then start again"
            }
            Some(Condition::ReadOnly) => {
                "; the server is a standby, or default_transaction_read_only is on: name the primary in the URL, or \
                 wait until the server accepts writes"
            }
            _ => "",
        }
    }
}

/// Applies the pending migrations in one transaction, and returns the names of those that it has applied.
///
/// # Errors
/// A migration failed, or a table stayed locked during 5 attempts of a second each. Nothing is applied then.
pub fn run(conn: &mut Connection, url: &DatabaseUrl) -> Result<Vec<String>, Error> {
    if pending(conn)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut result = apply(conn, url);
    for _ in 1..MAX_ATTEMPTS {
        match &result {
            Err(error) if error.condition() == Some(Condition::Busy) => {
                tracing::warn!(%error, "failed to lock a table for a migration; will retry");
            }
            _ => break,
        }
        std::thread::park_timeout(RETRY_PAUSE);
        result = apply(conn, url);
    }
    result
}

fn apply(conn: &mut Connection, url: &DatabaseUrl) -> Result<Vec<String>, Error> {
    let sqlstate = record_sqlstate(conn);
    let result = conn.transaction(|conn| {
        prepare(conn, url)?;
        let mut migrations = embedded(conn)?;
        let applied = match &mut conn.backend {
            Backend::Postgres(conn) => conn.run_pending_migrations(POSTGRES).map(|applied| versions(&applied)),
            Backend::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(|applied| versions(&applied)),
        }?;
        migrations.retain(|(version, _)| applied.contains(version));
        Ok(migrations.into_iter().map(|(_, name)| name).collect())
    });
    result.map_err(|mut error: Error| {
        error.sqlstate = sqlstate.get().cloned();
        error.message.push_str(error.hint());
        error
    })
}

/// Records the SQLSTATE of the first statement that fails: the errors of `diesel_migrations` contain its message only.
fn record_sqlstate(conn: &mut Connection) -> Arc<OnceLock<String>> {
    let first = Arc::new(OnceLock::new());
    let shared = Arc::clone(&first);
    let listener = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event
            && let Some(code) = sqlstate::sqlstate(error)
        {
            let _ = shared.set(code.to_owned());
        }
    };
    on!(conn, conn => conn.set_instrumentation(listener));
    first
}

fn versions(applied: &[MigrationVersion<'_>]) -> Vec<String> {
    applied.iter().map(ToString::to_string).collect()
}

/// Returns the names of the migrations that have not been applied, oldest first. Changes nothing.
pub fn pending(conn: &mut Connection) -> Result<Vec<String>, Error> {
    let mut migrations = embedded(conn)?;
    let applied = applied_versions(conn)?;
    migrations.retain(|(version, _)| !applied.contains(version));
    Ok(migrations.into_iter().map(|(_, name)| name).collect())
}

/// Returns the applied versions that this release does not contain, oldest first: a newer release has applied them.
/// Changes nothing.
pub fn unknown(conn: &mut Connection) -> Result<Vec<String>, Error> {
    let migrations = embedded(conn)?;
    let mut applied = applied_versions(conn)?;
    applied.retain(|version| !migrations.iter().any(|(embedded, _)| embedded == version));
    applied.sort();
    Ok(applied)
}

/// The versions and names of all embedded migrations, oldest first.
fn embedded(conn: &Connection) -> Result<Vec<(String, String)>, Error> {
    let mut migrations = match &conn.backend {
        Backend::Postgres(_) => versions_and_names(MigrationSource::<Pg>::migrations(&POSTGRES)?),
        Backend::Sqlite(_) => versions_and_names(MigrationSource::<Sqlite>::migrations(&SQLITE)?),
    };
    migrations.sort();
    Ok(migrations)
}

/// Takes the locks, and creates the schema and the collation that the migrations require. Does nothing on SQLite, where
/// the transaction already holds the write lock.
fn prepare(conn: &mut Connection, url: &DatabaseUrl) -> QueryResult<()> {
    let Backend::Postgres(conn) = &mut conn.backend else { return Ok(()) };
    conn.batch_execute(LOCK)?;
    conn.batch_execute(LOCK_TIMEOUT)?;
    if let DatabaseUrl::Postgres(url) = url
        && let Some(schema) = &url.schema
    {
        conn.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema)))?;
    }
    conn.batch_execute(COLLATION)
}

fn versions_and_names<DB: diesel::backend::Backend>(
    migrations: Vec<Box<dyn diesel::migration::Migration<DB>>>,
) -> Vec<(String, String)> {
    migrations.iter().map(|migration| (migration.name().version().to_string(), migration.name().to_string())).collect()
}

fn applied_versions(conn: &mut Connection) -> QueryResult<Vec<String>> {
    use __diesel_schema_migrations::dsl;
    if !has_migrations_table(conn)? {
        return Ok(Vec::new());
    }
    on!(conn, conn => dsl::__diesel_schema_migrations.select(dsl::version).load(conn))
}

fn has_migrations_table(conn: &mut Connection) -> QueryResult<bool> {
    match &mut conn.backend {
        Backend::Postgres(conn) => diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "to_regclass('__diesel_schema_migrations') IS NOT NULL",
        ))
        .get_result(conn),
        Backend::Sqlite(conn) => sqlite_master::table
            .filter(sqlite_master::name.eq("__diesel_schema_migrations"))
            .count()
            .get_result::<i64>(conn)
            .map(|tables| tables > 0),
    }
}

diesel::table! {
    /// SQLite's schema table.
    sqlite_master (name) {
        name -> Text,
    }
}
