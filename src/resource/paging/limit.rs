//! The parameter `limit`: the maximum number of items on a page.

use std::borrow::Cow;

use crate::http::extract::query::QueryValue;

/// 1 to 100; 20 if the parameter is omitted. Declare it in `query_params!` with
/// `#[param(value_type = Option<u8>, minimum = 1, maximum = 100)]`.
pub(crate) struct LimitParam(pub(crate) u8);

impl Default for LimitParam {
    fn default() -> Self {
        Self(20)
    }
}

impl QueryValue for LimitParam {
    /// Rejects signs and leading zeros, so that each number has only one representation.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let limit = if text.starts_with(['+', '0']) { None } else { text.parse().ok() };
        limit.filter(|limit| (1..=100).contains(limit)).map(Self).ok_or("must be an integer between 1 and 100".into())
    }
}
