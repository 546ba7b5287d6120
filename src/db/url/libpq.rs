//! libpq's connection parameters: which there are, and what the service asks where a URL says nothing.

use url::Url;

/// libpq's connection parameters (PostgreSQL 17, section 32.1.2) that make sense in a URL.
pub(crate) const KNOWN: [&str; 25] = [
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "gssencmode", "hostaddr",
    "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts", "options",
    "passfile", "require_auth", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
    "sslrootcert", "ssl_min_protocol_version", "target_session_attrs", "tcp_user_timeout", "host",
];

/// What the service asks of libpq where the URL says nothing. A dead host is noticed in seconds.
pub(crate) const DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    // For a query that the host has taken before it died: nothing is on its way then that could go unacknowledged.
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "2"),
    ("application_name", "posts-api"),
];

/// libpq decodes `%20` but not the `+` that form encoding writes for a space.
pub(crate) fn encode_spaces(url: &mut Url) {
    let query = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(query.as_deref());
}

/// A strict `sslaccept` wins over a weaker `sslmode`; a dead host is noticed in seconds; the bundled OpenSSL, which
/// looks for certificates where it was built, is shown this system's, also where `sslrootcert=system` asks for them.
pub(crate) fn with_defaults(mut kept: Vec<(String, String)>) -> Vec<(String, String)> {
    let value = |kept: &[(String, String)], name: &str| {
        kept.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    // libpq's own rule: authorities that everyone has certify every host, so its name must be checked.
    let takes_systems = value(&kept, "sslrootcert").as_deref() == Some("system");
    let strict = kept.iter().any(|(name, value)| name == "sslmode" && value == "verify-full");
    if strict || takes_systems {
        kept.retain(|(name, _)| name != "sslmode");
        kept.push(("sslmode".into(), "verify-full".into()));
    }
    let verifies = matches!(value(&kept, "sslmode").as_deref(), Some("verify-full" | "verify-ca"));
    if verifies
        && (takes_systems || value(&kept, "sslrootcert").is_none())
        && let Some(bundle) = openssl_probe::probe().cert_file
    {
        kept.retain(|(name, _)| name != "sslrootcert");
        kept.push(("sslrootcert".into(), bundle.to_string_lossy().into_owned()));
    }
    for (name, default) in DEFAULTS {
        if value(&kept, name).is_none() {
            kept.push((name.into(), default.into()));
        }
    }
    kept
}
