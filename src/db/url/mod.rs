//! `DATABASE_URL` and its kind: which database, where, and how many connections.
//!
//! The scheme alone chooses the database. libpq refuses parameters that it does not know, so those that Prisma adds
//! are turned into what they mean here, or dropped with a warning.

mod libpq;
mod prisma;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// A checked URL of a database. `Display` and `Debug` leave the password out.
#[derive(Clone)]
pub enum DatabaseUrl {
    Sqlite { path: PathBuf },
    Postgres(Box<PostgresUrl>),
}

/// A PostgreSQL URL with libpq's parameters only, and what Prisma's parameters meant.
#[derive(Clone)]
pub struct PostgresUrl {
    url: Url,
    /// `schema`, where it is not `public`.
    pub(crate) schema: Option<String>,
    /// `connection_limit`: connections in the pool.
    pub connection_limit: Option<u32>,
    /// `pool_timeout`: how long a request may wait for a connection.
    pub pool_timeout: Option<Duration>,
    /// `pgbouncer=true`: a pooler hands out a server session per transaction, so nothing may live in the session.
    pub(crate) transaction_pooling: bool,
    /// It is Prisma's local server, all of whose clients share one session.
    pub(crate) shares_session: bool,
}

/// Why the URL of a database cannot be used, in one line that names its setting, without the password.
#[derive(Debug, thiserror::Error)]
#[error("{setting} {why}")]
pub struct InvalidUrl {
    setting: &'static str,
    why: String,
}

/// Prisma's local server is slow, and all wait for its one session.
const SHARED_SESSION_WAIT: Duration = Duration::from_secs(8);

impl DatabaseUrl {
    /// Checks the URL and translates Prisma's parameters. The second value holds one warning per dropped parameter, each
    /// to be read behind the name of the setting.
    ///
    /// # Errors
    /// No scheme or an unknown one, a URL that cannot be read, a parameter with a wrong value.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), InvalidUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return refuse("has no scheme: write sqlite://posts.db or postgres://user:password@host:5432/database");
        };
        match scheme {
            "sqlite" | "file" => Ok((sqlite(rest)?, Vec::new())),
            "postgres" | "postgresql" => postgres(text),
            "prisma" | "prisma+postgres" => match prisma::direct(text) {
                // Its parameters are not the caller's own, so that nobody needs to be told of those that mean nothing.
                Some(direct) => postgres(&direct).map(|(url, _)| (url, Vec::new())),
                None => {
                    refuse("speaks Prisma Accelerate's own protocol: take the direct connection string, postgres://…")
                }
            },
            // Not echoed: without its scheme, what stands before the first colon may be a user or a key.
            _ => refuse("has an unknown scheme: use sqlite://, postgres:// or postgresql://"),
        }
    }
}

impl InvalidUrl {
    /// `why` goes on where the name of the setting ends.
    pub fn new(setting: &'static str, why: impl Into<String>) -> Self {
        Self { setting, why: why.into() }
    }

    /// The same mistake in the URL of another setting than `DATABASE_URL`.
    #[must_use]
    pub fn for_setting(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }
}

impl PostgresUrl {
    /// Looks tables up in the same schema as `other`, also where it names none itself. `false`: that cannot be.
    #[must_use]
    pub fn adopt_schema(&mut self, other: &Self) -> bool {
        match (&self.schema, &other.schema) {
            (None, Some(_)) if self.transaction_pooling => return false,
            (None, _) => self.schema.clone_from(&other.schema),
            // Behind a pooler it is the role that names it: `ALTER ROLE … SET search_path`.
            (Some(own), others) => return Some(own) == others.as_ref() || other.transaction_pooling,
        }
        true
    }

    /// The connection string for libpq, with the password: for `establish` only.
    pub(crate) fn connection_string(&self) -> &str {
        self.url.as_str()
    }

    /// The URL as PostgreSQL's own programs take it, without anything secret.
    pub(crate) fn for_programs(&self) -> String {
        let mut url = self.url.clone();
        // Refused only for URLs that cannot have a password at all.
        let _ = url.set_password(None);
        let is_told = |name: &str| name != "sslpassword" && libpq::DEFAULTS.iter().all(|(default, _)| *default != name);
        let kept: Vec<_> = self.url.query_pairs().filter(|(name, _)| is_told(name)).collect();
        url.set_query(None);
        for (name, value) in &kept {
            url.query_pairs_mut().append_pair(name, value);
        }
        libpq::encode_spaces(&mut url);
        url.into()
    }

    /// Whether the server must show a certificate that is checked. With an authority at hand, libpq does so with
    /// `sslmode=require`, too.
    pub(crate) fn verifies_server(&self) -> bool {
        match self.parameter("sslmode").as_deref() {
            Some("require") => self.parameter("sslrootcert").is_some(),
            mode => mode.is_some_and(|mode| mode.starts_with("verify-")),
        }
    }

    /// Whether the way to the server does not leave this machine: a socket's directory stands in place of a host, or
    /// there is none.
    pub(crate) fn is_local(&self) -> bool {
        match self.parameter("hostaddr").or_else(|| self.parameter("host")) {
            Some(host) => host.starts_with('/') || host == "localhost" || is_loopback_address(&host),
            None => match self.url.host_str() {
                None | Some("") => true,
                Some(host) => host.to_ascii_lowercase().starts_with("%2f") || prisma::is_loopback(&self.url),
            },
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
    }

    /// `text` with the password, plain or percent-encoded, replaced.
    pub(crate) fn redact(&self, text: &str) -> String {
        let Some(encoded) = self.url.password().filter(|password| !password.is_empty()) else {
            return text.to_owned();
        };
        let plain = percent_encoding::percent_decode_str(encoded).decode_utf8_lossy();
        text.replace(encoded, "***").replace(plain.as_ref(), "***")
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(postgres) => {
                let mut url = postgres.url.clone();
                // Refused only for URLs that cannot have a password at all.
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

fn is_loopback_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn refuse<T>(why: impl Into<String>) -> Result<T, InvalidUrl> {
    Err(InvalidUrl::new("DATABASE_URL", why))
}

fn sqlite(rest: &str) -> Result<DatabaseUrl, InvalidUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains('?') {
        return refuse("has parameters, and sqlite:// takes none: write sqlite://path/to/posts.db");
    }
    if path.is_empty() {
        return refuse("names no file: write sqlite://posts.db");
    }
    if path.contains(":memory:") {
        return refuse("asks for a database in memory, which every connection would have one of: name a file");
    }
    Ok(DatabaseUrl::Sqlite { path: PathBuf::from(path) })
}

fn postgres(text: &str) -> Result<(DatabaseUrl, Vec<String>), InvalidUrl> {
    let mut url = Url::parse(text).or_else(|error| refuse(format!("cannot be read: {error}")))?;
    let given: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut parsed = PostgresUrl {
        url: url.clone(),
        schema: None,
        connection_limit: None,
        pool_timeout: None,
        transaction_pooling: false,
        shares_session: prisma::is_local(&url),
    };
    let mut warnings = Vec::new();
    // To Prisma, `sslcert` is the server's certificate authority; to libpq it is the client's own, which needs a key.
    let has_client_key = given.iter().any(|(name, _)| name == "sslkey");
    let accepts_any = given.iter().any(|(name, value)| name == "sslaccept" && value == "accept_invalid_certs");
    let mut kept: Vec<(String, String)> = Vec::new();
    for (name, value) in given {
        match name.as_str() {
            "schema" => parsed.schema = Some(value).filter(|schema| schema != "public"),
            "connection_limit" => parsed.connection_limit = Some(number(&name, &value)?),
            // 0 is Prisma's "no limit"; a request that waits for ever helps nobody.
            "pool_timeout" if value == "0" => warnings.push("has pool_timeout=0: 2 s is used".to_owned()),
            "pool_timeout" => parsed.pool_timeout = Some(Duration::from_secs(number(&name, &value)?.into())),
            "pgbouncer" => parsed.transaction_pooling = value == "true",
            // Prisma's default checks no certificate, which is what libpq's `require` does.
            "sslaccept" if value == "strict" => kept.push(("sslmode".into(), "verify-full".into())),
            "sslaccept" => {}
            // With an authority at hand, libpq would check the server's certificate also with `sslmode=require`.
            "sslcert" if !has_client_key && accepts_any => {}
            "sslcert" if !has_client_key => kept.push(("sslrootcert".into(), value)),
            known if libpq::KNOWN.contains(&known) => kept.push((name, value)),
            _ => warnings.push(format!("has a parameter {name}, which is not known here and was left out")),
        }
    }
    if parsed.shares_session {
        parsed.transaction_pooling = true;
        parsed.connection_limit = Some(1);
        parsed.pool_timeout.get_or_insert(SHARED_SESSION_WAIT);
    }
    if parsed.schema.is_some() && parsed.shares_session {
        return refuse("has schema, but on Prisma's local server the search path would be everybody's: leave it out");
    }
    if parsed.schema.is_some() && parsed.transaction_pooling {
        return refuse(
            "has schema together with pgbouncer=true: behind a pooler the search path cannot be set by the client; \
             run ALTER ROLE … SET search_path = … once and leave schema out",
        );
    }
    url.set_query(None);
    for (name, value) in libpq::with_defaults(kept) {
        url.query_pairs_mut().append_pair(&name, &value);
    }
    libpq::encode_spaces(&mut url);
    parsed.url = url;
    Ok((DatabaseUrl::Postgres(Box::new(parsed)), warnings))
}

fn number(name: &str, value: &str) -> Result<u32, InvalidUrl> {
    match value.parse() {
        Ok(number) if (1..=1000).contains(&number) => Ok(number),
        _ => refuse(format!("has a wrong {name}: it takes a whole number from 1 to 1000")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres_url(text: &str) -> (PostgresUrl, Vec<String>) {
        match DatabaseUrl::parse(text).unwrap() {
            (DatabaseUrl::Postgres(url), warnings) => (*url, warnings),
            (DatabaseUrl::Sqlite { .. }, _) => panic!("{text} was read as SQLite"),
        }
    }

    #[test]
    fn prisma_parameters_are_understood_or_dropped_with_a_warning() {
        let (url, warnings) = postgres_url(
            "postgresql://me:pw@host/db?schema=blog&connection_limit=3&pool_timeout=7&sslmode=require&socket_timeout=2",
        );
        assert_eq!(url.schema.as_deref(), Some("blog"));
        assert_eq!(url.connection_limit, Some(3));
        assert_eq!(url.pool_timeout, Some(Duration::from_secs(7)));
        assert!(url.connection_string().contains("sslmode=require"));
        for prismas in ["schema", "connection_limit", "pool_timeout", "socket_timeout"] {
            assert!(!url.connection_string().contains(prismas), "{prismas} reached libpq");
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
    fn prismas_sslcert_is_the_authority_and_counts_only_where_certificates_are_checked() {
        for (given, expected) in [
            ("sslcert=ca.pem&sslaccept=strict", "sslrootcert=ca.pem&sslmode=verify-full"),
            ("sslcert=ca.pem&sslmode=verify-ca", "sslrootcert=ca.pem&sslmode=verify-ca"),
            ("sslcert=ca.pem&sslmode=require&sslaccept=accept_invalid_certs", "sslmode=require"),
            ("sslcert=me.pem&sslkey=me.key", "sslcert=me.pem&sslkey=me.key"),
        ] {
            let (url, warnings) = postgres_url(&format!("postgres://h/db?{given}"));
            let query = url.connection_string().split_once('?').unwrap().1;
            assert_eq!(query.split("&connect_timeout").next(), Some(expected));
            assert!(warnings.is_empty());
        }
    }

    #[test]
    fn prismas_local_server_is_known_by_either_of_its_urls() {
        let key =
            |url: &str| data_encoding::BASE64URL.encode(format!(r#"{{"name":"x","databaseUrl":"{url}"}}"#).as_bytes());
        let direct =
            "postgres://postgres:postgres@localhost:51214/template1?sslmode=disable&connection_limit=10&pool_timeout=0";
        for text in [direct.to_owned(), format!("prisma+postgres://localhost:51213/?api_key={}", key(direct))] {
            let (url, _) = postgres_url(&text);
            assert!(url.shares_session && url.transaction_pooling);
            assert_eq!((url.connection_limit, url.pool_timeout), (Some(1), Some(SHARED_SESSION_WAIT)));
            assert!(
                url.connection_string()
                    .starts_with("postgres://postgres:postgres@localhost:51214/template1?sslmode=disable")
            );
        }
        for elsewhere in ["postgres://me@localhost/posts", "postgres://me@db.prisma.io/template1"] {
            assert!(!postgres_url(elsewhere).0.shares_session, "{elsewhere}");
            let wrapped = format!("prisma+postgres://localhost:51213/?api_key={}", key(elsewhere));
            assert!(DatabaseUrl::parse(&wrapped).is_err(), "{elsewhere}");
        }
        assert!(DatabaseUrl::parse(&format!("prisma+postgres://accelerate.example/?api_key={}", key(direct))).is_err());
    }

    #[test]
    fn urls_of_one_service_lead_to_one_schema() {
        for (own, others, schema) in [
            ("", "", Ok(None)),
            ("", "?schema=blog", Ok(Some("blog"))),
            ("?schema=blog", "?schema=blog", Ok(Some("blog"))),
            ("?schema=blog", "?pgbouncer=true", Ok(Some("blog"))),
            ("?pgbouncer=true", "", Ok(None)),
            ("?schema=blog", "", Err(())),
            ("?schema=blog", "?schema=posts", Err(())),
            ("?pgbouncer=true", "?schema=blog", Err(())),
        ] {
            let [mut url, other] = [own, others].map(|query| postgres_url(&format!("postgres://h/db{query}")).0);
            let shared = if url.adopt_schema(&other) { Ok(url.schema.as_deref()) } else { Err(()) };
            assert_eq!(shared, schema, "{own} beside {others}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let (url, _) = DatabaseUrl::parse("postgres://me:p%40ss@host:1/db?sslmode=require").unwrap();
        assert_eq!(url.to_string(), "postgres://me@host:1/db");
        assert_eq!(format!("{url:?}"), "postgres://me@host:1/db");
        let (url, _) = postgres_url("postgres://me:p%40ss@host:1/db");
        assert_eq!(url.redact("p@ss and p%40ss"), "*** and ***");
    }

    #[test]
    fn it_knows_whether_the_way_leaves_this_machine_and_whether_the_server_is_checked() {
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
    fn what_names_no_database_is_refused_in_one_line_without_the_secret() {
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
