//! What `#[on_both]` passes to a test.

use std::sync::Arc;

use super::api::Api;
use super::database::{Engine, TestDatabase};

/// The argument of an `#[on_both]` test, built from an empty database.
pub(crate) trait Fixture: Sized {
    fn from_database(database: TestDatabase) -> Self;

    /// Returns `None` if this machine has no PostgreSQL and `REQUIRE_POSTGRES` is not set.
    fn on(engine: Engine) -> Option<Self> {
        TestDatabase::create(engine).map(Self::from_database)
    }
}

/// An empty database without tables.
impl Fixture for TestDatabase {
    fn from_database(database: TestDatabase) -> Self {
        database
    }
}

/// A running server with default settings.
impl Fixture for Api {
    fn from_database(database: TestDatabase) -> Self {
        Self::start(&Arc::new(database), |_| {})
    }
}

/// Runs one case of an `#[on_both]` test. Does nothing if this machine has no PostgreSQL: the first request for the
/// server has already printed that.
pub(crate) async fn run_on<F: Fixture>(engine: Engine, scenario: impl AsyncFnOnce(F)) {
    if let Some(fixture) = F::on(engine) {
        scenario(fixture).await;
    }
}
