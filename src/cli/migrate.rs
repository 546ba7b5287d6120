//! `posts-api migrate`, and connections to a migrated database for the other commands.

use posts_api::config::Config;
use posts_api::db::{Connection, migrations};

use crate::cli::{Result, print};

/// Applies the pending migrations and prints their versions.
pub(crate) fn migrate(config: &Config) -> Result<()> {
    let mut conn = Connection::open(config.direct())?;
    let applied = migrations::run(&mut conn, config.direct())?;
    print(&format!("applied {} migrations: {}\n", applied.len(), applied.join(", ")))?;
    Ok(())
}

/// Opens a connection and applies the pending migrations.
pub(crate) fn open_migrated(config: &Config) -> Result<Connection> {
    let mut conn = Connection::open(config.direct())?;
    migrations::run(&mut conn, config.direct())?;
    Ok(conn)
}
