//! The response headers: each one is described once, in `components/headers`, and referenced by the responses.

use std::collections::BTreeMap;

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::Header;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{HeaderBuilder, ObjectBuilder, Ref, RefOr, Response};

/// The header that every response has.
const REQUEST_ID: &str = "X-Request-Id";
/// The headers that a response of a rate-limited operation may have.
const RATE_LIMIT: [&str; 2] = ["RateLimit-Policy", "RateLimit"];

/// A response header.
struct HeaderDescription {
    name: &'static str,
    /// Whether a response that references the header always has it.
    is_required: bool,
    value: Type,
    description: &'static str,
}

const HEADERS: [HeaderDescription; 9] = [
    required(REQUEST_ID, "The id of the request, under which the service logs it."),
    required("ETag", "The entity tag of this version, for `If-Match` and `If-None-Match` of later requests."),
    required("Link", "The URLs of the first page, and of the next and previous pages if they exist (RFC 8288)."),
    required("Location", "The path of the resource."),
    required("WWW-Authenticate", "The authentication scheme: `Bearer` (RFC 6750)."),
    optional("Idempotency-Replayed", "`true` if the response was stored for this `Idempotency-Key`; otherwise absent."),
    HeaderDescription {
        value: Type::Integer,
        ..required("Retry-After", "The seconds to wait before the next attempt.")
    },
    optional(
        "RateLimit-Policy",
        "The rate limit: `q` requests per `w` seconds. Present with 429, and if less than a quarter of the limit \
         remains.",
    ),
    optional(
        "RateLimit",
        "The state of the rate limit: `r` requests remain; `t` seconds until more are available. Present together with \
         `RateLimit-Policy`.",
    ),
];

const fn required(name: &'static str, description: &'static str) -> HeaderDescription {
    HeaderDescription { name, is_required: true, value: Type::String, description }
}

const fn optional(name: &'static str, description: &'static str) -> HeaderDescription {
    HeaderDescription { is_required: false, ..required(name, description) }
}

impl HeaderDescription {
    fn build(&self) -> Header {
        let minimum = (self.value == Type::Integer).then_some(1);
        let schema = ObjectBuilder::new().schema_type(self.value.clone()).minimum(minimum);
        // utoipa has no field for `required`, but it writes extensions next to the other members.
        let required = self.is_required.then(|| Extensions::from_iter([("required", true)]));
        HeaderBuilder::new().schema(Some(schema)).description(Some(self.description)).extensions(required).build()
    }
}

/// The content of `components/headers`.
pub(super) fn components() -> BTreeMap<String, RefOr<Header>> {
    HEADERS.iter().map(|header| (header.name.to_owned(), RefOr::T(header.build()))).collect()
}

/// Adds the headers that every response has, or, if `is_rate_limited`, may have, and replaces the headers of the
/// response by references.
pub(super) fn complete(response: &mut Response, is_rate_limited: bool) {
    let limits = RATE_LIMIT.into_iter().filter(|_| is_rate_limited);
    for name in [REQUEST_ID].into_iter().chain(limits) {
        response.headers.entry(name.to_owned()).or_insert_with(|| reference(name));
    }
    for (name, header) in &mut response.headers {
        // A header that differs from the shared one, such as an optional `Retry-After`, has a schema of its own.
        let is_placeholder = matches!(header, RefOr::T(header) if header.description.is_none());
        if is_placeholder && HEADERS.iter().any(|shared| shared.name == name) {
            *header = reference(name);
        }
    }
}

/// A header of `components/headers`.
pub(super) fn reference(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// A header of `components/headers` that is required or optional as given: a reference, or a copy if it differs.
pub(super) fn with_presence(name: &str, is_required: bool) -> Option<RefOr<Header>> {
    let header = HEADERS.iter().find(|header| header.name == name)?;
    if header.is_required == is_required {
        return Some(reference(name));
    }
    Some(RefOr::T(HeaderDescription { is_required, value: header.value.clone(), ..*header }.build()))
}
