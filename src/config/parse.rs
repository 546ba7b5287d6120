//! Parses the text of a setting into its value, or returns a [`ConfigError`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, io};

use ipnet::IpNet;
use url::Url;

use super::settings::{self, Setting};
use crate::db::{DatabaseUrl, InvalidUrl};
use crate::tls::TlsError;

/// The minimum length of an admin key in characters: 128 bits encoded in base64.
const MIN_ADMIN_API_KEY_LENGTH: usize = 22;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people to read.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// The value of `ADMIN_API_KEY`. `Debug` does not show it.
#[derive(Clone)]
pub struct AdminApiKey(String);

impl AdminApiKey {
    /// Returns the key in plain text. Use it only to compare it with the key of a request.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AdminApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminApiKey(***)")
    }
}

/// An invalid setting. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// Omits the value, because it may be a secret that was assigned to the wrong setting.
    #[error("{name}: must be {accepts}")]
    Value { name: &'static str, accepts: &'static str },
    #[error("{0}: must not contain control characters or characters that are not UTF-8")]
    Characters(&'static str),
    /// Contains the position of the origin in the list.
    #[error(
        "CORS_ALLOWED_ORIGINS: entry {0} is not an origin; use scheme, host, and port, such as https://example.org"
    )]
    Origin(usize),
    /// The file that `SSL_CERT_FILE` names.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    #[error("failed to read {}: {error}", path.display())]
    EnvFile { path: PathBuf, error: io::Error },
    /// A line of `.env` is invalid. The reason contains no part of the line.
    #[error("{}, line {line}: {reason}", path.display())]
    EnvLine { path: PathBuf, line: usize, reason: String },
}

/// A setting and its unparsed value.
pub(super) struct RawSetting {
    pub(super) setting: &'static Setting,
    /// The text of the flag or the environment variable. `None` if the setting is unset or empty: `KEY=${KEY:-}` in a
    /// Compose file sets an empty variable.
    pub(super) text: Option<String>,
}

impl RawSetting {
    /// Removes white space at both ends of the value. With it, `sqlite://posts.db ` would name another file.
    ///
    /// # Errors
    /// The text contains control characters, or U+FFFD in place of what is not UTF-8.
    pub(super) fn new(setting: &'static Setting, text: Option<String>) -> Result<Self, ConfigError> {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| text.contains(|c: char| c.is_control() || c == '\u{fffd}')) {
            return Err(ConfigError::Characters(setting.variable));
        }
        Ok(Self { setting, text })
    }

    /// Parses the value, or returns `None` if the setting is unset.
    ///
    /// # Errors
    /// The text is not a valid value.
    pub(super) fn optional<T>(self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Self { setting, text } = self;
        text.map(|text| parse(&text).ok_or(setting.invalid())).transpose()
    }

    /// Parses the value, or the default if the setting is unset.
    ///
    /// # Errors
    /// The text is not a valid value.
    pub(super) fn or_default<T>(self, parse: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let Self { setting, text } = self;
        parse(text.as_deref().unwrap_or(setting.default)).ok_or(setting.invalid())
    }

    /// Parses a list of origins, or returns `None` if the setting is unset.
    pub(super) fn origins(self) -> Result<Option<Vec<String>>, ConfigError> {
        self.text.map(|list| origins(&list)).transpose()
    }

    /// Parses a database URL. Adds a warning for each parameter that it ignores.
    ///
    /// # Errors
    /// The text is not a database URL.
    pub(super) fn url(self, warnings: &mut Vec<String>) -> Result<Option<DatabaseUrl>, ConfigError> {
        let Self { setting, text } = self;
        let Some(text) = text else { return Ok(None) };
        let (url, ignored) = DatabaseUrl::parse(&text).map_err(|invalid| invalid.for_setting(setting.variable))?;
        warnings.extend(ignored.into_iter().map(|warning| format!("{}: {warning}", setting.variable)));
        Ok(Some(url))
    }

    /// Parses the URL of another endpoint of `database`.
    ///
    /// # Errors
    /// One of the two URLs is not a PostgreSQL URL, or they name different schemas.
    pub(super) fn endpoint(
        self,
        database: &DatabaseUrl,
        warnings: &mut Vec<String>,
    ) -> Result<Option<DatabaseUrl>, ConfigError> {
        let name = self.setting.variable;
        let Some(mut url) = self.url(warnings)? else { return Ok(None) };
        let (DatabaseUrl::Postgres(endpoint), DatabaseUrl::Postgres(main)) = (&mut url, database) else {
            Err(InvalidUrl::new(name, "requires PostgreSQL; use postgres:// here and in DATABASE_URL"))?
        };
        if !endpoint.adopt_schema(main) {
            Err(InvalidUrl::new(name, "must have the same value of the parameter schema as DATABASE_URL"))?;
        }
        Ok(Some(url))
    }
}

impl Setting {
    fn invalid(&self) -> ConfigError {
        ConfigError::Value { name: self.variable, accepts: self.accepts }
    }
}

impl FromStr for AdminApiKey {
    type Err = ConfigError;

    fn from_str(key: &str) -> Result<Self, ConfigError> {
        let is_valid = key.len() >= MIN_ADMIN_API_KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(key.to_owned())) } else { Err(settings::ADMIN_API_KEY.invalid()) }
    }
}

/// Parses an address to listen on. IPv6 may be in brackets. An IPv4 address that is mapped to IPv6 is the IPv4 address.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    if text == "localhost" {
        return Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    }
    let address = match text.strip_prefix('[') {
        Some(rest) => IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?),
        None => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "pretty" => Some(LogFormat::Pretty),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

/// Parses an integer number of seconds from `min` to 3600.
pub(super) fn seconds(min: u64) -> impl Fn(&str) -> Option<Duration> {
    move |text| text.parse().ok().filter(|seconds| (min..=3600).contains(seconds)).map(Duration::from_secs)
}

/// Parses an integer number of milliseconds from 1 to 3600000, which is one hour.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|milliseconds| (1..=3_600_000).contains(milliseconds)).map(Duration::from_millis)
}

/// The minimum of `RESPONSE_BYTES`. Half of it is enough for the largest request body, a batch of 16 MiB, and its
/// buffer.
const MIN_RESPONSE_BYTES: u64 = 40 * 1024 * 1024;

pub(super) fn response_bytes(text: &str) -> Option<u64> {
    text.parse().ok().filter(|bytes| *bytes >= MIN_RESPONSE_BYTES)
}

pub(super) fn pool_size(text: &str) -> Option<u32> {
    text.parse().ok().filter(|size| (1..=1000).contains(size))
}

pub(super) fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && url.query().is_none() && !has_credentials
    })
}

/// Parses a list of networks. An address without a prefix length is a network with one address. IPv6 may be in
/// brackets, and a zone is ignored.
pub(super) fn networks(list: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let address: IpAddr = address.split_once('%').map_or(address, |(address, _zone)| address).parse().ok()?;
        match length {
            Some(length) => format!("{address}/{length}").parse().ok(),
            None => Some(address.into()),
        }
    };
    list.split(',').map(|text| network(text.trim())).collect()
}

fn origins(list: &str) -> Result<Vec<String>, ConfigError> {
    list.split(',')
        .map(str::trim)
        .zip(1..)
        .map(|(origin, position)| match Url::parse(origin) {
            Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == origin => Ok(origin.to_owned()),
            _ => Err(ConfigError::Origin(position)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_only_scheme_host_and_port() {
        let good = "https://example.org, http://localhost:4321";
        assert_eq!(origins(good).unwrap(), ["https://example.org", "http://localhost:4321"]);
        for bad in ["*", "example.org", "https://example.org/", "https://example.org/blog", "null", ""] {
            assert!(origins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap(), ["10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()));
        for (list, network) in [
            ("[2001:db8::1]", "2001:db8::1/128"),
            ("[2001:db8::]/32", "2001:db8::/32"),
            ("fe80::1%eth0", "fe80::1/128"),
            ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"),
        ] {
            assert_eq!(networks(list), Some(vec![network.parse().unwrap()]), "{list}");
        }
        for list in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "", "10.0.0.1,", "example.org", "[::1"] {
            assert_eq!(networks(list), None, "{list}");
        }
    }

    #[test]
    fn an_address_to_listen_on_has_one_meaning() {
        for (text, expected) in [
            ("localhost", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("::", "::"),
        ] {
            assert_eq!(address(text), expected.parse().ok(), "{text}");
        }
        for text in ["", "[127.0.0.1]", "[::1", "::1]", "127.0.0.1:80", "example.org"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_admin_key_is_rejected_and_debug_shows_no_key() {
        assert!("short".parse::<AdminApiKey>().is_err());
        assert!("with a space in it, and long".parse::<AdminApiKey>().is_err());
        let key: AdminApiKey = "abcdefghijklmnopqrstuv".parse().unwrap();
        assert!(!format!("{key:?}").contains("abc"));
    }
}
