//! libpq's connection parameters: their names, their values, the service's defaults, and the connection string.

use std::path::Path;

use crate::db::url::error::{InvalidUrl, reject};
use crate::db::url::uri::Parameters;

/// The connection parameters of libpq that a URL may contain: all that libpq 18 documents, which is compiled in
/// (PostgreSQL 18 manual, section 34.1.2), except `replication`.
pub(crate) const PARAMETERS: [&str; 49] = [
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname", "fallback_application_name",
    "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version",
    "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "options", "passfile", "password", "port",
    "require_auth", "requirepeer", "scram_client_key", "scram_server_key", "service", "ssl_max_protocol_version",
    "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey",
    "sslkeylogfile", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "target_session_attrs",
    "tcp_user_timeout", "user",
];

/// The parameters whose values must not be printed.
pub(crate) const SECRETS: [&str; 5] =
    ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];

/// The parameters that have a fixed set of values. libpq checks them only when it connects.
const CHOICES: [(&str, &[&str]); 7] = [
    ("channel_binding", &["disable", "prefer", "require"]),
    ("gssencmode", &["disable", "prefer", "require"]),
    ("load_balance_hosts", &["disable", "random"]),
    ("sslcertmode", &["disable", "allow", "require"]),
    ("sslmode", &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
    ("sslnegotiation", &["postgres", "direct"]),
    ("target_session_attrs", &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
];

/// The service's defaults. They detect a dead host within seconds: `connect_timeout` (5 s) while connecting,
/// `tcp_user_timeout` (10,000 ms) while sent data is unacknowledged, and the keepalives (10 s, then twice 5 s) while
/// the client waits for a response.
pub(crate) const DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
    ("application_name", "posts-api"),
];

/// Where Debian, Red Hat, and others create the server's Unix socket, and where their psql looks for it. The
/// compiled-in libpq looks in `/tmp` only, PostgreSQL's own default.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// Checks the value of a parameter. The error does not contain the value.
pub(crate) fn check_value(name: &str, value: &str) -> Result<(), InvalidUrl> {
    match CHOICES.iter().find(|(parameter, _)| *parameter == name) {
        Some((_, choices)) if !choices.contains(&value) => {
            reject(format!("the parameter {name} must be one of {}", choices.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Adds the defaults and completes the TLS parameters.
///
/// - `sslrootcert=system` implies `sslmode=verify-full`, as in libpq: public authorities certify every host, so the
///   host name must be verified.
/// - The vendored OpenSSL looks for certificates in the directory where it was built. If the server is to be verified
///   with the system's certificates, `sslrootcert` names this system's bundle.
pub(crate) fn add_defaults(parameters: &mut Parameters) {
    let uses_system_roots = parameters.get("sslrootcert") == Some("system");
    if uses_system_roots {
        parameters.set("sslmode", "verify-full");
    }
    let is_verified = matches!(parameters.get("sslmode"), Some("verify-full" | "verify-ca"));
    if is_verified
        && (uses_system_roots || parameters.get("sslrootcert").is_none())
        && let Some(bundle) = openssl_probe::probe().cert_file
    {
        parameters.set("sslrootcert", bundle.to_string_lossy());
    }
    for (name, default) in DEFAULTS {
        if parameters.get(name).is_none() {
            parameters.set(name, default);
        }
    }
}

/// The connection string in libpq's keyword/value form, whose quoting allows every character in a value.
pub(crate) fn connection_string(parameters: &Parameters) -> String {
    let quote = |value: &str| value.replace('\\', r"\\").replace('\'', r"\'");
    let socket = uses_default_host(parameters).then_some(("host", SOCKET_DIRECTORY));
    let pairs = parameters.iter().chain(socket.filter(|(_, directory)| Path::new(directory).is_dir()));
    pairs.map(|(name, value)| format!("{name}='{}'", quote(value))).collect::<Vec<_>>().join(" ")
}

/// Whether neither the URL nor libpq's environment variables name a host.
#[expect(clippy::disallowed_methods, reason = "these are settings of libpq, which reads them itself")]
fn uses_default_host(parameters: &Parameters) -> bool {
    ["host", "hostaddr", "service"].iter().all(|name| parameters.get(name).is_none())
        && ["PGHOST", "PGHOSTADDR", "PGSERVICE"].iter().all(|name| std::env::var_os(name).is_none())
}
