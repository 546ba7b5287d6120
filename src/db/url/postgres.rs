//! [`PostgresUrl`]: the connection parameters of a PostgreSQL URL, separated into those of libpq and those of Prisma.

use std::collections::HashMap;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::url::error::{InvalidUrl, reject};
use crate::db::url::libpq;
use crate::db::url::prisma::{self, PrismaParameters};
use crate::db::url::uri::{self, Parameters, Uri};

/// libpq's parameters, and the settings from Prisma's parameters.
#[derive(Clone)]
pub struct PostgresUrl {
    /// libpq's parameters, including the password.
    parameters: Parameters,
    connection_string: String,
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
    /// Parses the text after `postgres:`. The second value holds one warning per ignored parameter.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<String>), InvalidUrl> {
        let Some(text) = text.strip_prefix("//") else {
            return uri::malformed("two slashes must follow the scheme, as in postgres://user:password@host/database");
        };
        let (parameters, prisma) = read_parameters(Uri::parse(text)?)?;
        let has_single_session = prisma::is_local_server(&parameters);
        let mut parsed = Self {
            connection_string: libpq::connection_string(&parameters),
            parameters,
            schema: prisma.schema,
            connection_limit: prisma.connection_limit,
            pool_timeout: prisma.pool_timeout,
            transaction_pooling: prisma.transaction_pooling,
            has_single_session,
        };
        if has_single_session {
            parsed.transaction_pooling = true;
            parsed.connection_limit = Some(1);
            parsed.pool_timeout.get_or_insert(SINGLE_SESSION_WAIT);
        }
        parsed.check_schema()?;
        Ok((parsed, prisma.warnings))
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
        &self.connection_string
    }

    /// The URL without query and secrets, for messages.
    pub(super) fn to_message(&self) -> String {
        Uri::format(&self.parameters, &[])
    }

    /// The URL for PostgreSQL's client programs, without secrets and without the service's defaults.
    pub(crate) fn to_client_url(&self) -> String {
        let in_hierarchy = ["user", "host", "port", "dbname"];
        let is_default = |name: &str| libpq::DEFAULTS.iter().any(|(default, _)| *default == name);
        let is_excluded = |name: &str| in_hierarchy.contains(&name) || libpq::SECRETS.contains(&name);
        let names = self.parameters.iter().map(|(name, _)| name);
        Uri::format(&self.parameters, &names.filter(|name| !is_excluded(name) && !is_default(name)).collect::<Vec<_>>())
    }

    /// Whether libpq verifies the server's certificate: with `sslmode=verify-ca` or `verify-full`, and also with
    /// `sslmode=require` if there is an `sslrootcert`.
    pub(crate) fn verifies_server(&self) -> bool {
        match self.parameters.get("sslmode") {
            Some("require") => self.parameters.get("sslrootcert").is_some(),
            mode => mode.is_some_and(|mode| mode.starts_with("verify-")),
        }
    }

    /// Whether the connection stays on this machine: over a Unix socket or the loopback interface.
    pub(crate) fn is_local(&self) -> bool {
        let hosts = self.parameters.get("hostaddr").or(self.parameters.get("host")).unwrap_or_default();
        hosts.split(',').all(|host| host.is_empty() || uri::is_socket(host) || prisma::is_loopback(host))
    }

    /// Replaces the values of secret parameters in `text`, plain or percent-encoded, with `***`.
    pub(crate) fn redact(&self, text: &str) -> String {
        let secrets = libpq::SECRETS.iter().filter_map(|name| self.parameters.get(name));
        let names = ["user", "dbname"].iter().filter_map(|name| self.parameters.get(name));
        let secrets = secrets.chain(names.filter(|name| !uri::is_printable_name(name)));
        secrets.filter(|secret| !secret.is_empty()).fold(text.to_owned(), |text, secret| {
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            text.replace(secret, "***").replace(&encoded, "***")
        })
    }
}

/// Separates the parameters of a URI into those of libpq, with the service's defaults, and those of Prisma. An unknown
/// parameter is an error: ignoring it could weaken the connection's security or select another database.
fn read_parameters(uri: Uri) -> Result<(Parameters, PrismaParameters), InvalidUrl> {
    let mut values: HashMap<&str, &str> = HashMap::new();
    let (mut parameters, mut prisma) = (uri.parameters, PrismaParameters::default());
    for (index, (name, value)) in uri.query.iter().enumerate() {
        let is_known = prisma.read(name, value)?;
        match (name.as_str(), value.as_str()) {
            _ if is_known => {}
            // As in libpq, which accepts this for compatibility with JDBC.
            ("ssl", "true") => parameters.set("sslmode", "require"),
            ("ssl", _) => return reject("the parameter ssl must be true; use sslmode for other modes"),
            ("replication", _) => {
                return reject("the parameter replication is not supported, because such a connection runs no queries");
            }
            (name, value) if libpq::PARAMETERS.contains(&name) => {
                libpq::check_value(name, value)?;
                parameters.set(name, value);
            }
            // The name is not printed: it may be the rest of a password that contains `&`.
            _ => {
                return reject(format!(
                    "the name of URL parameter {} is not a parameter of libpq or Prisma; correct or remove it, or \
                     percent-encode & as %26 if it is part of a value",
                    index + 1
                ));
            }
        }
        if values.insert(name, value).is_some_and(|earlier| earlier != value) {
            return reject(format!("the parameter {name} has two values; remove one of them"));
        }
    }
    uri::check_hosts(parameters.get("host").unwrap_or_default())?;
    uri::check_ports(parameters.get("port").unwrap_or_default())?;
    translate_tls(&mut parameters, &prisma);
    libpq::add_defaults(&mut parameters);
    Ok((parameters, prisma))
}

/// Translates Prisma's TLS parameters. To Prisma, `sslcert` is the server's certificate authority. To libpq, it is the
/// client's own certificate, which comes with an `sslkey`, and `sslrootcert` is the authority.
fn translate_tls(parameters: &mut Parameters, prisma: &PrismaParameters) {
    if prisma.requires_verification {
        parameters.set("sslmode", "verify-full");
    }
    if parameters.get("sslkey").is_none()
        && parameters.get("sslrootcert").is_none()
        && let Some(authority) = parameters.remove("sslcert")
        // With `sslrootcert`, libpq would verify the certificate even with `sslmode=require`.
        && !prisma.accepts_invalid_certs
    {
        parameters.set("sslrootcert", authority);
    }
}
