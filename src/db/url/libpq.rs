//! libpq's connection parameters: their names, the service's defaults, and their encoding.

use url::Url;

/// The connection parameters of libpq that are accepted in a URL (PostgreSQL 17 manual, section 32.1.2). libpq rejects
/// a URL with any other parameter.
pub(crate) const PARAMETERS: [&str; 25] = [
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "gssencmode", "hostaddr",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts", "options",
    "passfile", "require_auth", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
    "sslrootcert", "ssl_min_protocol_version", "target_session_attrs", "tcp_user_timeout", "host",
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

/// Replaces the query of `url`. Spaces become `%20`: libpq does not decode the `+` of form encoding.
pub(crate) fn set_query(url: &mut Url, parameters: impl IntoIterator<Item = (String, String)>) {
    url.set_query(None);
    for (name, value) in parameters {
        url.query_pairs_mut().append_pair(&name, &value);
    }
    let query = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(query.as_deref());
}

/// Adds the defaults and completes the TLS parameters.
///
/// - `sslmode=verify-full` from a strict `sslaccept` replaces a weaker `sslmode`.
/// - `sslrootcert=system` implies `sslmode=verify-full`, as in libpq: public authorities certify every host, so the
///   host name must be verified.
/// - The vendored OpenSSL looks for certificates in the directory where it was built. If the server is to be verified
///   with the system's certificates, `sslrootcert` names this system's bundle.
pub(crate) fn with_defaults(mut parameters: Vec<(String, String)>) -> Vec<(String, String)> {
    let value = |parameters: &[(String, String)], name: &str| {
        parameters.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    let uses_system_roots = value(&parameters, "sslrootcert").as_deref() == Some("system");
    let requires_verify_full = parameters.iter().any(|(name, value)| name == "sslmode" && value == "verify-full");
    if requires_verify_full || uses_system_roots {
        parameters.retain(|(name, _)| name != "sslmode");
        parameters.push(("sslmode".into(), "verify-full".into()));
    }
    let is_verified = matches!(value(&parameters, "sslmode").as_deref(), Some("verify-full" | "verify-ca"));
    if is_verified
        && (uses_system_roots || value(&parameters, "sslrootcert").is_none())
        && let Some(bundle) = openssl_probe::probe().cert_file
    {
        parameters.retain(|(name, _)| name != "sslrootcert");
        parameters.push(("sslrootcert".into(), bundle.to_string_lossy().into_owned()));
    }
    for (name, default) in DEFAULTS {
        if value(&parameters, name).is_none() {
            parameters.push((name.into(), default.into()));
        }
    }
    parameters
}
