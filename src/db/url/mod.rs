//! Parses database URLs. The scheme alone selects the database.
//!
//! A URL that can be understood in more than one way is rejected, and no error contains any part of it after the
//! scheme: with a password that is not percent-encoded, every part can contain some of the password.

mod error;
mod libpq;
mod postgres;
mod prisma;
mod uri;

use std::fmt;
use std::path::PathBuf;

pub use error::InvalidUrl;
use error::reject;
pub use postgres::PostgresUrl;

/// A validated database URL. `Display` and `Debug` omit the password.
#[derive(Clone)]
pub enum DatabaseUrl {
    Sqlite { path: PathBuf },
    Postgres(Box<PostgresUrl>),
}

impl DatabaseUrl {
    /// Parses a URL with the scheme `sqlite`, `file`, `postgres`, `postgresql`, or `prisma+postgres`. The second value
    /// holds one warning per ignored parameter; each follows the name of the setting and a colon.
    ///
    /// # Errors
    /// The scheme is missing or unknown, the URL is malformed, or a parameter is unknown or has an invalid value.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), InvalidUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return reject("no scheme; use sqlite://posts.db or postgres://user:password@host:5432/database");
        };
        match scheme {
            "sqlite" | "file" => Ok((parse_sqlite(rest)?, Vec::new())),
            "postgres" | "postgresql" => {
                PostgresUrl::parse(rest).map(|(url, warnings)| (Self::Postgres(Box::new(url)), warnings))
            }
            "prisma" | "prisma+postgres" => parse_prisma(text),
            _ if rest.starts_with("//") && is_scheme(scheme) => {
                reject(format!("unknown scheme {scheme:?}; use postgres:// or sqlite://"))
            }
            // Not echoed: in a URL without a scheme, the text before the first colon may be a user name or a key.
            _ => reject("unknown scheme; use postgres:// or sqlite://, in lower case and without quotes"),
        }
    }
}

/// RFC 3986, section 3.1, in lower case.
fn is_scheme(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn parse_sqlite(rest: &str) -> Result<DatabaseUrl, InvalidUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains('?') {
        return reject("sqlite:// accepts no parameters; use sqlite://path/to/posts.db");
    }
    if path.is_empty() {
        return reject("no file name; use sqlite://posts.db");
    }
    if path.contains(":memory:") {
        return reject(
            "an in-memory database is not supported, because each connection would have its own; use a file",
        );
    }
    // A URL of a server with the wrong scheme would become the name of a file that contains the password.
    let is_plain = ["/", "./", "../"].iter().any(|prefix| path.starts_with(prefix)) || !path.contains([':', '@']);
    if !is_plain {
        return reject(
            "sqlite:// names a file, not a server; use postgres:// for a server, or begin a file name that contains : \
             or @ with ./",
        );
    }
    Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) })
}

fn parse_prisma(text: &str) -> Result<(DatabaseUrl, Vec<String>), InvalidUrl> {
    let url = prisma::local_server_url(text).and_then(|url| {
        let (_, rest) = url.split_once(':').filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))?;
        PostgresUrl::parse(rest).ok().filter(|(url, _)| url.has_single_session)
    });
    match url {
        // Prisma wrote these parameters, not the operator, so the warnings are dropped.
        Some((url, _)) => Ok((DatabaseUrl::Postgres(Box::new(url)), Vec::new())),
        None => {
            reject("this URL uses the protocol of Prisma Accelerate; use the direct connection string, postgres://…")
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(postgres) => f.write_str(&postgres.to_message()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests;
