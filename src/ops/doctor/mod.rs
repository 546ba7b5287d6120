//! What stands in the way of serving, in plain words, and what to do about it. Changes nothing.

mod database;
mod files;

use serde::Serialize;

use crate::config::Config;
use crate::db::DatabaseUrl;

/// What was found of one thing that serving takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    /// One line; what to do is in it.
    pub says: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// It serves all the same.
    Warning,
    Wrong,
}

impl Check {
    fn new(name: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { name, state, says: one_line(&says.into()) }
    }

    /// Of the settings: `problem` is why they cannot be used.
    #[must_use]
    pub fn of_settings(problem: Option<&str>, warnings: &[String]) -> Self {
        const NAME: &str = "settings";
        match (problem, warnings) {
            (Some(problem), _) => Self::new(NAME, State::Wrong, problem),
            (None, []) => Self::new(NAME, State::Ok, "every value can be used"),
            (None, warnings) => Self::new(NAME, State::Warning, warnings.join("; ")),
        }
    }
}

/// libpq and SQLite answer in several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Looks at what the settings name. What cannot be told because something before it is wrong is left out.
#[must_use]
pub fn examine(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if let DatabaseUrl::Sqlite { path } = &config.database {
        files::examine(path, &mut checks);
    }
    // A file that is not there was told of.
    if checks.iter().all(|check| (check.name, check.state) != (files::FILE, State::Wrong)) {
        database::examine("database", &config.database, config.pool, &mut checks);
    }
    checks.extend(database::beside(&config.database, &config.endpoints));
    checks
}
