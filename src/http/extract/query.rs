//! Query strings: every parameter is asked for by name, and what nobody asked for is refused by name.

use std::borrow::Cow;
use std::str::FromStr;

use crate::http::ApiError;

/// The parameters of one query string, taken out one by one.
pub struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    #[must_use]
    pub fn parse(query: &'a str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// The parameter's value, where it was given.
    ///
    /// # Errors
    /// It was given twice, or cannot be read as a `T`; `takes` says what it takes.
    pub fn take<T: FromStr>(&mut self, name: &str, takes: &'static str) -> Result<Option<T>, ApiError> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(at);
        if self.0.iter().any(|(key, _)| key == name) {
            return Err(refuse(name, "was given more than once"));
        }
        value.parse().map(Some).map_err(|_| refuse(name, takes))
    }

    /// Every value of a parameter that may be repeated.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| key == name);
        self.0 = left;
        let taken: Vec<(Cow<'a, str>, Cow<'a, str>)> = taken;
        taken.into_iter().map(|(_, value)| value.into_owned()).collect()
    }

    /// To be called after the last [`Params::take`].
    ///
    /// # Errors
    /// A parameter is left that nobody took.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(refuse(name, "is not a parameter here")),
        }
    }
}

/// The error that names a parameter; a long name is cut.
pub fn refuse(name: &str, message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::InvalidParameter { name: name.chars().take(100).collect(), message: message.into() }
}
