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
            std::mem::take(&mut query.0).into_iter().partition(|(key, _)| key == name || list_name(key) == Some(name));
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

    /// Checks that no parameter is left. Call it after all parameters, whose names are `known`, have been taken.
    ///
    /// # Errors
    /// The query string contains an unknown parameter.
    pub fn finish(self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let message = unknown_parameter(name, known);
                Err(invalid_parameter(if name.is_empty() { "\"\"" } else { name }, message))
            }
        }
    }
}

/// The name of a parameter that may be repeated, in the notations of arrays: `slug[]` (axios, PHP, Ruby) and `slug[0]`
/// (qs).
fn list_name(key: &str) -> Option<&str> {
    let (name, index) = key.strip_suffix(']')?.split_once('[')?;
    index.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}

/// What is wrong with a parameter that is not one of `known`.
fn unknown_parameter(name: &str, known: &[&str]) -> String {
    if let Some(name) = list_name(name).filter(|name| known.contains(name)) {
        return format!("{name} must not be a list; send it once, without brackets");
    }
    let lower = name.to_ascii_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(&lower, known);
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest.filter(|nearest| similarity(nearest) > MIN_SIMILARITY) {
        Some(nearest) => format!("unknown parameter; did you mean {nearest}?"),
        None => format!("unknown parameter; use {}", known.join(", ")),
    }
}

/// How similar an unknown name must be to a known one, to be taken for a spelling of it: `sorting` is to `sort`, but
/// `page` is not to `tag`.
const MIN_SIMILARITY: f64 = 0.85;

/// The error of an invalid query or path parameter. The name is truncated to 100 characters.
pub fn invalid_parameter(name: &str, message: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::InvalidParameter { name: name.chars().take(100).collect(), message: message.into() }
}

/// Declares a struct of query parameters, with `parse` for a query string and utoipa's `IntoParams`. Each field is an
/// `Option` or a `Vec` of a [`QueryValue`].
macro_rules! query_params {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ident<$value:ident>,)+ }
    ) => {
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
                query.finish(&[$(stringify!($field)),+])?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["limit", "sort", "slug", "tag", "published_after"];

    #[test]
    fn unknown_parameters_suggest_the_nearest_name() {
        for (name, nearest) in [
            ("Limit", "limit"),
            ("lmit", "limit"),
            ("sorting", "sort"),
            ("tags", "tag"),
            ("publishedAfter", "published_after"),
            ("slug[a]", "slug"),
        ] {
            assert_eq!(unknown_parameter(name, &KNOWN), format!("unknown parameter; did you mean {nearest}?"));
        }
        for name in ["page", "offset", "", "utm"] {
            assert_eq!(
                unknown_parameter(name, &KNOWN),
                "unknown parameter; use limit, sort, slug, tag, published_after"
            );
        }
    }

    #[test]
    fn lists_may_have_brackets() {
        for key in ["slug[]", "slug[0]", "slug[12]"] {
            assert_eq!(list_name(key), Some("slug"));
        }
        for key in ["slug", "slug[", "slug]", "slug[a]", "slug[-1]", "slug[0][a]", "slug[][]"] {
            assert_eq!(list_name(key), None, "{key}");
        }
        let mut query = Query::parse("tag=c&slug%5B1%5D=b&slug[]=a&slug=d&limit[]=1");
        assert_eq!(Vec::<String>::take(&mut query, "slug").unwrap(), ["b", "a", "d"]);
        assert_eq!(Vec::<String>::take(&mut query, "tag").unwrap(), ["c"]);
        let message = query.finish(&KNOWN).unwrap_err().to_string();
        assert_eq!(message, "limit[]: limit must not be a list; send it once, without brackets");
    }
}
