//! Reads that search by the index of words.

use std::time::Instant;

use diesel::QueryResult;

use crate::db::connection::Connection;
use crate::db::database::Database;
use crate::db::error::Error;
use crate::db::request_context::RequestContext;
use crate::telemetry::spans;

impl Database {
    /// A search by the index of words alone. In a small SQLite file, it runs on the caller's thread if a connection is
    /// free; see `InlineSearches`. Otherwise it is a long read, with the limits of [`Database::read_public`] if
    /// `is_public`. `body` may run twice.
    pub async fn read_search<T: Send + 'static>(
        &self,
        is_public: bool,
        body: impl Fn(&mut Connection) -> QueryResult<T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        if self.0.searches.are_allowed()
            && let Some((mut pooled, _permit)) = self.0.pool.inline_connection(Instant::now())
        {
            let context = RequestContext::in_span(&spans::database("search inline"));
            // Not a reason to pause other inline reads.
            return self.count_error(self.0.searches.observe(|| pooled.run(context.wrap(body))));
        }
        if is_public { self.read_public(false, body).await } else { self.read(body).await }
    }
}
