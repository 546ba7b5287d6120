//! [`InvalidUrl`]: the error of every parser of this module.

/// Why a database URL cannot be used, in one line that names the setting and never contains the password.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct InvalidUrl {
    setting: &'static str,
    reason: String,
}

impl InvalidUrl {
    /// `reason` follows the name of the setting and a colon.
    pub fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self { setting, reason: reason.into() }
    }

    /// The same error for another setting than `DATABASE_URL`.
    #[must_use]
    pub fn for_setting(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }
}

/// An error about `DATABASE_URL`.
pub(crate) fn reject<T>(reason: impl Into<String>) -> Result<T, InvalidUrl> {
    Err(InvalidUrl::new("DATABASE_URL", reason))
}
