//! Opens the database for the commands.

use posts_api::config::Config;
use posts_api::db::{Connection, DatabaseUrl, inspect, migrations};

use crate::cli::Result;

/// Opens the database, creates it if it is a missing SQLite file, and applies the pending migrations.
pub(crate) fn open_migrated(config: &Config) -> Result<Connection> {
    let mut conn = Connection::open(config.direct())?;
    migrations::run(&mut conn, config.direct())?;
    Ok(conn)
}

/// Opens a database that exists and needs no migration, for commands that do not create or change tables.
pub(crate) fn open_existing(config: &Config) -> Result<Connection> {
    let url = config.direct();
    if let DatabaseUrl::Sqlite { path } = url
        && !path.try_exists().map_err(|error| format!("{}: {error}", path.display()))?
    {
        let path = std::path::absolute(path)?;
        let message = "check DATABASE_URL, or create a database with posts-api migrate";
        return Err(format!("there is no database at {}; {message}", path.display()).into());
    }
    // Opens the database read-only, because opening it for writing would change an empty file.
    let pending = migrations::pending(&mut inspect::open(url)?)?.len();
    if pending > 0 {
        return Err(format!("{pending} migrations are pending; run posts-api migrate, or start the service").into());
    }
    Ok(Connection::open(url)?)
}
