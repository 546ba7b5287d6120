//! [`PostgresUrl`]: a PostgreSQL URL that libpq accepts, and the settings from Prisma's parameters.

use std::net::IpAddr;
use std::time::Duration;

use url::Url;

use crate::db::url::error::{InvalidUrl, reject};
use crate::db::url::libpq;
use crate::db::url::prisma::{self, PrismaParameters};

/// A PostgreSQL URL with libpq's parameters only, and the settings from Prisma's parameters.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(super) url: Url,
    /// `schema`. `None` for `public`.
    pub(crate) schema: Option<String>,
    /// `connection_limit`: the size of the pool.
    pub connection_limit: Option<u32>,
    /// `pool_timeout`: how long a request may wait for a connection.
    pub pool_timeout: Option<Duration>,
    /// `pgbouncer=true`: a pooler assigns a server session per transaction, so nothing may be stored in the session.
    pub(crate) transaction_pooling: bool,
    /// Whether all clients of the server share one session, as on Prisma's local server.
    pub(crate) has_single_session: bool,
}

/// The default wait on Prisma's local server, which is slow and serves one client at a time.
pub(super) const SINGLE_SESSION_WAIT: Duration = Duration::from_secs(8);

impl PostgresUrl {
    /// Parses a `postgres://` or `postgresql://` URL. The second value holds one warning per ignored parameter.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<String>), InvalidUrl> {
        let mut url = Url::parse(text).or_else(|error| reject(format!("not a valid URL: {error}")))?;
        let parameters = PrismaParameters::parse(&url)?;
        let has_single_session = prisma::is_local_server(&url);
        libpq::set_query(&mut url, libpq::with_defaults(parameters.libpq));
        let mut parsed = Self {
            url,
            schema: parameters.schema,
            connection_limit: parameters.connection_limit,
            pool_timeout: parameters.pool_timeout,
            transaction_pooling: parameters.transaction_pooling,
            has_single_session,
        };
        if has_single_session {
            parsed.transaction_pooling = true;
            parsed.connection_limit = Some(1);
            parsed.pool_timeout.get_or_insert(SINGLE_SESSION_WAIT);
        }
        parsed.check_schema()?;
        Ok((parsed, parameters.warnings))
    }

    /// A schema requires `SET search_path`, which is session state.
    fn check_schema(&self) -> Result<(), InvalidUrl> {
        if self.schema.is_some() && self.has_single_session {
            return reject("remove the parameter schema: all clients of Prisma's local server share one search path");
        }
        if self.schema.is_some() && self.transaction_pooling {
            return reject(
                "schema and pgbouncer=true exclude each other, because a pooler does not keep the search path; remove \
                 schema and run ALTER ROLE … SET search_path = … once",
            );
        }
        Ok(())
    }

    /// Adopts the schema of `other` if this URL has none. Returns `false` if the two lead to different schemas, or if a
    /// transaction pooler prevents setting the schema.
    #[must_use]
    pub fn adopt_schema(&mut self, other: &Self) -> bool {
        match (&self.schema, &other.schema) {
            (None, Some(_)) if self.transaction_pooling => return false,
            (None, _) => self.schema.clone_from(&other.schema),
            // Behind a pooler the role determines the schema: `ALTER ROLE … SET search_path`.
            (Some(schema), other_schema) => {
                return Some(schema) == other_schema.as_ref() || other.transaction_pooling;
            }
        }
        true
    }

    /// The connection string for libpq, including the password. Never log it.
    pub(crate) fn connection_string(&self) -> &str {
        self.url.as_str()
    }

    /// The URL for PostgreSQL's client programs, without passwords and without the service's defaults.
    pub(crate) fn to_client_url(&self) -> String {
        let mut url = self.url.clone();
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(None);
        let is_included =
            |name: &str| name != "sslpassword" && libpq::DEFAULTS.iter().all(|(default, _)| *default != name);
        let parameters = self.url.query_pairs().filter(|(name, _)| is_included(name));
        libpq::set_query(&mut url, parameters.map(|(name, value)| (name.into_owned(), value.into_owned())));
        url.into()
    }

    /// Whether libpq verifies the server's certificate: with `sslmode=verify-ca` or `verify-full`, and also with
    /// `sslmode=require` if there is an `sslrootcert`.
    pub(crate) fn verifies_server(&self) -> bool {
        match self.parameter("sslmode").as_deref() {
            Some("require") => self.parameter("sslrootcert").is_some(),
            mode => mode.is_some_and(|mode| mode.starts_with("verify-")),
        }
    }

    /// Whether the connection stays on this machine: over a Unix socket or the loopback interface.
    pub(crate) fn is_local(&self) -> bool {
        match self.parameter("hostaddr").or_else(|| self.parameter("host")) {
            Some(host) => host.starts_with('/') || host == "localhost" || is_loopback_address(&host),
            None => match self.url.host_str() {
                None | Some("") => true,
                // `%2F` begins the directory of a Unix socket.
                Some(host) => host.to_ascii_lowercase().starts_with("%2f") || prisma::is_loopback(&self.url),
            },
        }
    }

    /// The last value of a parameter: libpq uses the last one.
    fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
    }

    /// Replaces the password in `text`, plain or percent-encoded, with `***`.
    pub(crate) fn redact(&self, text: &str) -> String {
        let Some(encoded) = self.url.password().filter(|password| !password.is_empty()) else {
            return text.to_owned();
        };
        let plain = percent_encoding::percent_decode_str(encoded).decode_utf8_lossy();
        text.replace(encoded, "***").replace(plain.as_ref(), "***")
    }
}

fn is_loopback_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
