//! Query strings: [`query_params!`] declares the parameters of an operation once, for parsing and for the OpenAPI document.

use std::borrow::Cow;

use crate::http::ApiError;

/// The type of a parameter's value.
pub trait QueryValue: Sized {
    /// # Errors
    /// What the value must be, such as `must be an integer between 1 and 100`.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>>;
}

impl QueryValue for String {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Ok(text.to_owned())
    }
}

/// The type of a parameter: `Option` of a value, or `Vec` of values if the parameter may be repeated.
pub trait QueryParam: Sized {
    /// Takes the values of the parameter out of the query string.
    ///
    /// # Errors
    /// A value is invalid, or the parameter is repeated although it must not be.
    fn take(query: &mut Query<'_>, name: &str) -> Result<Self, ApiError>;
}

impl<T: QueryValue> QueryParam for Option<T> {
    fn take(query: &mut Query<'_>, name: &str) -> Result<Self, ApiError> {
        let Some(at) = query.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = query.0.swap_remove(at);
        if query.0.iter().any(|(key, _)| key == name) {
            return Err(refuse(name, "must not be repeated"));
        }
        T::parse(&value).map(Some).map_err(|message| refuse(name, message))
    }
}

impl<T: QueryValue> QueryParam for Vec<T> {
    fn take(query: &mut Query<'_>, name: &str) -> Result<Self, ApiError> {
        let (taken, rest): (Vec<Pair<'_>>, _) =
            std::mem::take(&mut query.0).into_iter().partition(|(key, _)| key == name);
        query.0 = rest;
        taken.iter().map(|(_, value)| T::parse(value).map_err(|message| refuse(name, message))).collect()
    }
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A query string. Parameters are taken out one by one.
pub struct Query<'a>(Vec<Pair<'a>>);

impl<'a> Query<'a> {
    #[must_use]
    pub fn parse(query: &'a str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// Call it after all parameters have been taken.
    ///
    /// # Errors
    /// The query string contains another parameter.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(refuse(name, "unknown parameter")),
        }
    }
}

/// The error of a query or path parameter. A long name is cut.
pub fn refuse(name: &str, message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::InvalidParameter { name: name.chars().take(100).collect(), message: message.into() }
}

/// Declares a struct of query parameters, with `parse` for a query string and utoipa's `IntoParams`. Each field is an
/// `Option` or a `Vec` of a [`QueryValue`].
macro_rules! query_params {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ident<$value:ident>,)+ }) => {
        $(#[$meta])*
        #[derive(utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        $vis struct $name { $($(#[$field_meta])* $field: $kind<$value>,)+ }

        impl $name {
            /// # Errors
            /// A parameter is unknown, repeated, or has an invalid value.
            $vis fn parse(query_string: &str) -> Result<Self, $crate::http::ApiError> {
                let mut query = $crate::http::extract::query::Query::parse(query_string);
                let params = Self {
                    $($field: $crate::http::extract::query::QueryParam::take(&mut query, stringify!($field))?,)+
                };
                query.finish()?;
                Ok(params)
            }
        }
    };
}
pub(crate) use query_params;
