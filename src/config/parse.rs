//! From the text of a setting to its value: the types of values, and the error of an invalid one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::settings::{self, Setting};
use crate::db::{DatabaseUrl, InvalidUrl};

/// 128 bits in base64.
const ADMIN_API_KEY_LENGTH: usize = 22;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// The admin key of the environment. `Debug` does not show it.
#[derive(Clone)]
pub struct AdminApiKey(String);

impl AdminApiKey {
    /// The key itself: for comparison only.
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

/// Why the service cannot start, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The value is not shown: it may be a secret under the wrong name.
    #[error("{name}: must be {accepts}")]
    Value { name: &'static str, accepts: &'static str },
    #[error("CORS_ALLOWED_ORIGINS: {0:?} is not an origin; use scheme, host, and port, such as https://example.org")]
    Origin(String),
}

/// A setting and its text, from the flag or the environment. `None`: not set. An empty text counts as not set, because
/// `KEY=${KEY:-}` in a Compose file sets an empty variable.
pub(super) struct RawSetting {
    pub(super) setting: &'static Setting,
    pub(super) text: Option<String>,
}

impl RawSetting {
    /// # Errors
    /// The text is not a valid value.
    pub(super) fn optional<T>(self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Self { setting, text } = self;
        text.map(|text| parse(&text).ok_or(setting.invalid())).transpose()
    }

    /// The value, or the default.
    ///
    /// # Errors
    /// The text is not a valid value.
    pub(super) fn or_default<T>(self, parse: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let Self { setting, text } = self;
        parse(text.as_deref().unwrap_or(setting.default)).ok_or(setting.invalid())
    }

    pub(super) fn origins(self) -> Result<Option<Vec<String>>, ConfigError> {
        self.text.map(|list| origins(&list)).transpose()
    }

    /// # Errors
    /// The text is not a URL of a database.
    pub(super) fn url(self, warnings: &mut Vec<String>) -> Result<Option<DatabaseUrl>, ConfigError> {
        let Self { setting, text } = self;
        let Some(text) = text else { return Ok(None) };
        let (url, ignored) = DatabaseUrl::parse(&text).map_err(|invalid| invalid.for_setting(setting.variable))?;
        warnings.extend(ignored.into_iter().map(|what| format!("{}: {what}", setting.variable)));
        Ok(Some(url))
    }

    /// The URL of another endpoint of `database`.
    ///
    /// # Errors
    /// One of the two is not PostgreSQL, or they name different schemas.
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
            Err(InvalidUrl::new(name, "must have the same parameter schema as DATABASE_URL"))?;
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
        let is_valid = key.len() >= ADMIN_API_KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(key.to_owned())) } else { Err(settings::ADMIN_API_KEY.invalid()) }
    }
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
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

/// Whole seconds from `min` to an hour.
pub(super) fn seconds(min: u64) -> impl Fn(&str) -> Option<Duration> {
    move |text| text.parse().ok().filter(|seconds| (min..=3600).contains(seconds)).map(Duration::from_secs)
}

pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|milliseconds| (1..=3_600_000).contains(milliseconds)).map(Duration::from_millis)
}

pub(super) fn pool_size(text: &str) -> Option<u32> {
    text.parse().ok().filter(|size| (1..=1000).contains(size))
}

pub(super) fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
}

/// An address alone is a network of one.
pub(super) fn networks(list: &str) -> Option<Vec<IpNet>> {
    let network = |text: &str| text.parse().ok().or_else(|| text.parse().ok().map(IpAddr::into));
    list.split(',').map(|text| network(text.trim())).collect()
}

fn origins(list: &str) -> Result<Vec<String>, ConfigError> {
    list.split(',')
        .map(str::trim)
        .map(|origin| match Url::parse(origin) {
            Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == origin => Ok(origin.to_owned()),
            _ => Err(ConfigError::Origin(origin.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_scheme_host_and_port() {
        let good = "https://example.org, http://localhost:4321";
        assert_eq!(origins(good).unwrap(), ["https://example.org", "http://localhost:4321"]);
        for bad in ["*", "example.org", "https://example.org/", "https://example.org/blog", "null", ""] {
            assert!(origins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn proxy_is_address_or_network() {
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap(), ["10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()));
        assert_eq!(networks("10.0.0.0/33"), None);
    }

    #[test]
    fn weak_admin_key_is_refused_and_no_key_is_shown() {
        assert!("short".parse::<AdminApiKey>().is_err());
        assert!("with a space in it, and long".parse::<AdminApiKey>().is_err());
        let key: AdminApiKey = "abcdefghijklmnopqrstuv".parse().unwrap();
        assert!(!format!("{key:?}").contains("abc"));
    }
}
