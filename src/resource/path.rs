//! Path parameters. One that cannot name anything is a 404, like one that names nothing.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::db::MAX_ID;
use crate::http::ApiError;

/// An id in the path: a whole number from 1 to 2^53 - 1.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub i64);

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // One spelling per id: no sign, no leading zero.
        if text.starts_with(['+', '-', '0']) {
            return Err(());
        }
        text.parse().ok().filter(|id| *id <= MAX_ID).map(Self).ok_or(())
    }
}

impl FromRequest for Id {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|id| id.parse().ok());
        ready(id.ok_or(ApiError::NotFound("such id")))
    }
}

/// The slug in the path, unchecked: one that no post can have names none.
#[derive(Debug, Clone)]
pub struct SlugPath(pub String);

impl FromRequest for SlugPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let slug = request.match_info().get("slug");
        ready(slug.map(|slug| Self(slug.to_owned())).ok_or(ApiError::NotFound("post")))
    }
}
