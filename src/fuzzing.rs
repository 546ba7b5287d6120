//! What the fuzz targets reach and nobody else: compiled only with `--cfg fuzzing`, see `fuzz/`.

use actix_web::HttpRequest;

use crate::http::{ApiError, idempotency};
use crate::posts::search::{NoSearch, Scope, Search};

/// The queries that a search text becomes.
#[derive(Debug)]
pub struct Queries {
    /// For FTS5: in the whole post, and in its title.
    pub fts5: [String; 2],
    /// `tsquery` likewise.
    pub tsquery: [String; 2],
    /// The `tsquery` and the patterns for posts of which PostgreSQL lost positions.
    pub unsure: Option<(String, String)>,
}

/// # Errors
/// The text is no search.
pub fn queries(text: &str) -> Result<Queries, NoSearch> {
    let search = Search::parse(text)?;
    let scopes = [Scope::Post, Scope::Title];
    Ok(Queries {
        fts5: scopes.map(|scope| search.fts5(scope)),
        tsquery: scopes.map(|scope| search.tsquery(scope)),
        unsure: search.unsure(),
    })
}

/// The `Idempotency-Key` of a request.
///
/// # Errors
/// It is none.
pub fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    idempotency::key(request)
}
