//! Query strings: `query_params!` declares the parameters of an operation once, for parsing and for the OpenAPI
//! document.

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
        let Some(index) = query.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = query.0.swap_remove(index);
        if query.0.iter().any(|(key, _)| key == name) {
            return Err(invalid_parameter(name, "must not be repeated"));
        }
        T::parse(&value).map(Some).map_err(|message| invalid_parameter(name, message))
    }
}

impl<T: QueryValue> QueryParam for Vec<T> {
    fn take(query: &mut Query<'_>, name: &str) -> Result<Self, ApiError> {
        let (matching, others): (Vec<Pair<'_>>, _) =
            std::mem::take(&mut query.0).into_iter().partition(|(key, _)| key == name);
        query.0 = others;
        matching.iter().map(|(_, value)| T::parse(value).map_err(|message| invalid_parameter(name, message))).collect()
    }
}

/// A name and a value.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query string that have not been taken yet.
pub struct Query<'a>(Vec<Pair<'a>>);

impl<'a> Query<'a> {
    #[must_use]
    pub fn parse(query: &'a str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// Checks that no parameter is left. Call it after all known parameters have been taken.
    ///
    /// # Errors
    /// The query string contains an unknown parameter.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(invalid_parameter(name, "unknown parameter")),
        }
    }
}

/// The error of an invalid query or path parameter. The name is truncated to 100 characters.
pub fn invalid_parameter(name: &str, message: impl Into<Cow<'static, str>>) -> ApiError {
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

/// Declares a parameter with a fixed set of values. The first one is the default.
///
/// The schema has no `default`: generated clients would send it, which would sort a search by id instead of relevance.
/// The description of the parameter states the default.
macro_rules! enum_param {
    ($name:ident($type:ty) { $default:literal => $value:expr, $($text:literal => $other:expr,)* }) => {
        pub(crate) struct $name($type);

        impl $crate::http::extract::query::QueryValue for $name {
            fn parse(text: &str) -> Result<Self, std::borrow::Cow<'static, str>> {
                match text {
                    $default => Ok(Self($value)),
                    $($text => Ok(Self($other)),)*
                    _ => Err(concat!("must be one of ", $default, $(", ", $text,)*).into()),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($value)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let values = [$default, $($text,)*];
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some(values))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}
pub(crate) use enum_param;
