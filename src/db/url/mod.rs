//! Parses database URLs. The scheme alone selects the database.
//!
//! libpq rejects a URL with an unknown parameter, so Prisma's parameters are translated, or ignored with a warning.
//! This module parses text only: it opens no file and no connection.

mod error;
mod libpq;
mod postgres;
mod prisma;

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
    /// The scheme is missing or unknown, the URL is malformed, or a parameter's value is invalid.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), InvalidUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return reject("no scheme; use sqlite://posts.db or postgres://user:password@host:5432/database");
        };
        match scheme {
            "sqlite" | "file" => Ok((parse_sqlite(rest)?, Vec::new())),
            "postgres" | "postgresql" => parse_postgres(text),
            "prisma" | "prisma+postgres" => match prisma::local_server_url(text) {
                // Prisma wrote these parameters, not the operator, so the warnings are dropped.
                Some(url) => parse_postgres(&url).map(|(url, _)| (url, Vec::new())),
                None => reject(
                    "this URL uses the protocol of Prisma Accelerate; use the direct connection string, postgres://…",
                ),
            },
            _ if rest.starts_with("//") && is_scheme(scheme) => {
                reject(format!("unknown scheme {scheme:?}; use postgres:// or sqlite://"))
            }
            // Not echoed: in a URL without a scheme, the text before the first colon may be a user name or a key.
            _ => reject("unknown scheme; use postgres:// or sqlite://"),
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
    Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) })
}

fn parse_postgres(text: &str) -> Result<(DatabaseUrl, Vec<String>), InvalidUrl> {
    PostgresUrl::parse(text).map(|(url, warnings)| (DatabaseUrl::Postgres(Box::new(url)), warnings))
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(postgres) => {
                let mut url = postgres.url.clone();
                // Fails only for URLs that cannot have a password.
                let _ = url.set_password(None);
                url.set_query(None);
                write!(f, "{url}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::db::url::postgres::SINGLE_SESSION_WAIT;

    fn postgres_url(text: &str) -> (PostgresUrl, Vec<String>) {
        match DatabaseUrl::parse(text).unwrap() {
            (DatabaseUrl::Postgres(url), warnings) => (*url, warnings),
            (DatabaseUrl::Sqlite { .. }, _) => panic!("{text} was parsed as SQLite"),
        }
    }

    #[test]
    fn prisma_parameters_are_translated_or_ignored() {
        let (url, warnings) = postgres_url(
            "postgresql://me:pw@host/db?schema=blog&connection_limit=3&pool_timeout=7&sslmode=require&socket_timeout=2",
        );
        assert_eq!(url.schema.as_deref(), Some("blog"));
        assert_eq!(url.connection_limit, Some(3));
        assert_eq!(url.pool_timeout, Some(Duration::from_secs(7)));
        assert!(url.connection_string().contains("sslmode=require"));
        for parameter in ["schema", "connection_limit", "pool_timeout", "socket_timeout"] {
            assert!(!url.connection_string().contains(parameter), "{parameter} reached libpq");
        }
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("socket_timeout"));
    }

    #[test]
    fn strict_sslaccept_verifies_the_server() {
        let (url, _) = postgres_url("postgres://h/db?sslaccept=strict&sslmode=require");
        assert!(url.connection_string().contains("sslmode=verify-full"));
        assert!(!url.connection_string().contains("sslmode=require"));
    }

    #[test]
    fn sslcert_without_a_key_is_the_certificate_authority() {
        for (parameters, expected) in [
            ("sslcert=ca.pem&sslaccept=strict", "sslrootcert=ca.pem&sslmode=verify-full"),
            ("sslcert=ca.pem&sslmode=verify-ca", "sslrootcert=ca.pem&sslmode=verify-ca"),
            ("sslcert=ca.pem&sslmode=require&sslaccept=accept_invalid_certs", "sslmode=require"),
            ("sslcert=me.pem&sslkey=me.key", "sslcert=me.pem&sslkey=me.key"),
        ] {
            let (url, warnings) = postgres_url(&format!("postgres://h/db?{parameters}"));
            let query = url.connection_string().split_once('?').unwrap().1;
            assert_eq!(query.split("&connect_timeout").next(), Some(expected));
            assert!(warnings.is_empty());
        }
    }

    #[test]
    fn local_prisma_server_is_recognized_by_both_urls() {
        let key =
            |url: &str| data_encoding::BASE64URL.encode(format!(r#"{{"name":"x","databaseUrl":"{url}"}}"#).as_bytes());
        let direct =
            "postgres://postgres:postgres@localhost:51214/template1?sslmode=disable&connection_limit=10&pool_timeout=0";
        for text in [direct.to_owned(), format!("prisma+postgres://localhost:51213/?api_key={}", key(direct))] {
            let (url, _) = postgres_url(&text);
            assert!(url.has_single_session && url.transaction_pooling);
            assert_eq!((url.connection_limit, url.pool_timeout), (Some(1), Some(SINGLE_SESSION_WAIT)));
            assert!(
                url.connection_string()
                    .starts_with("postgres://postgres:postgres@localhost:51214/template1?sslmode=disable")
            );
        }
        for other in ["postgres://me@localhost/posts", "postgres://me@db.prisma.io/template1"] {
            assert!(!postgres_url(other).0.has_single_session, "{other}");
            let wrapped = format!("prisma+postgres://localhost:51213/?api_key={}", key(other));
            assert!(DatabaseUrl::parse(&wrapped).is_err(), "{other}");
        }
        assert!(DatabaseUrl::parse(&format!("prisma+postgres://accelerate.example/?api_key={}", key(direct))).is_err());
    }

    #[test]
    fn adopted_schema_must_match() {
        for (own, other, expected) in [
            ("", "", Ok(None)),
            ("", "?schema=blog", Ok(Some("blog"))),
            ("?schema=blog", "?schema=blog", Ok(Some("blog"))),
            ("?schema=blog", "?pgbouncer=true", Ok(Some("blog"))),
            ("?pgbouncer=true", "", Ok(None)),
            ("?schema=blog", "", Err(())),
            ("?schema=blog", "?schema=posts", Err(())),
            ("?pgbouncer=true", "?schema=blog", Err(())),
        ] {
            let [mut url, other_url] = [own, other].map(|query| postgres_url(&format!("postgres://h/db{query}")).0);
            let adopted = if url.adopt_schema(&other_url) { Ok(url.schema.as_deref()) } else { Err(()) };
            assert_eq!(adopted, expected, "{own} with {other}");
        }
    }

    #[test]
    fn password_is_redacted() {
        let (url, _) = DatabaseUrl::parse("postgres://me:p%40ss@host:1/db?sslmode=require").unwrap();
        assert_eq!(url.to_string(), "postgres://me@host:1/db");
        assert_eq!(format!("{url:?}"), "postgres://me@host:1/db");
        let (url, _) = postgres_url("postgres://me:p%40ss@host:1/db");
        assert_eq!(url.redact("p@ss and p%40ss"), "*** and ***");
    }

    #[test]
    fn local_connections_and_verified_servers_are_recognized() {
        for (text, is_local, verifies) in [
            ("postgres://me@localhost/db", true, false),
            ("postgres://me@127.0.0.1/db", true, false),
            ("postgres://me@[::1]/db", true, false),
            ("postgres:///db?host=/run/postgresql", true, false),
            ("postgres://%2Frun%2Fpostgresql/db", true, false),
            ("postgres://me@db.example.org/db?hostaddr=127.0.0.1", true, false),
            ("postgres://me@localhost/db?host=db.example.org", false, false),
            ("postgres://me@db.example.org/db", false, false),
            ("postgres://me@db.example.org/db?sslmode=require", false, false),
            ("postgres://me@db.example.org/db?sslmode=require&sslrootcert=ca.crt", false, true),
            ("postgres://me@db.example.org/db?sslmode=verify-full", false, true),
            ("postgres://me@db.example.org/db?sslmode=require&sslaccept=strict", false, true),
        ] {
            let (url, _) = postgres_url(text);
            assert_eq!((url.is_local(), url.verifies_server()), (is_local, verifies), "{text}");
        }
    }

    #[test]
    fn invalid_urls_are_rejected_without_revealing_the_secret() {
        for text in [
            "posts.db", "", "postgrs://me:secret@host/db", "sqlite://", "sqlite::memory:", "sqlite://a.db?mode=ro",
            "mysql://me:secret@host/db", "prisma+postgres://x/?api_key=secret",
            "prisma+postgres://localhost:1/?api_key=secret", "postgres://u:secret@localhost/template1?schema=blog",
            "postgres://me:secret@host:99999/db", "postgres://me:secret@host/db?connection_limit=none",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains('\n') && !error.contains("secret"), "{error}");
        }
    }
}
