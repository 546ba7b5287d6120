//! `posts-api migrate`.

use posts_api::config::Config;
use posts_api::db::{Connection, migrations};

use crate::cli::Result;
use crate::cli::output::confirm;

/// Applies the pending migrations and prints their versions.
pub(crate) fn migrate(config: &Config) -> Result<()> {
    let mut conn = Connection::open(config.direct())?;
    let applied = migrations::run(&mut conn, config.direct())?;
    let names = if applied.is_empty() { String::new() } else { format!(": {}", applied.join(", ")) };
    confirm(&format!("applied {} migrations{names}", applied.len()))
}
