//! The error responses, and the response 304: each one is described once, in `components/responses`.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::http::error::code;
use crate::http::error::code::ErrorCode;
use crate::openapi::headers;
use crate::posts::errors::TOO_MANY_STREAMS;

/// The content of `components/responses`.
pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// A reference to the response that has one of these errors, which all have the same status. Adds the response to
/// `components` if it is missing.
pub(super) fn problem(codes: &[&'static ErrorCode], components: &mut Responses) -> RefOr<Response> {
    let names: Vec<String> = codes.iter().map(|code| pascal_case(code.name)).collect();
    let name = names.join("Or");
    components.entry(name.clone()).or_insert_with(|| RefOr::T(describe_problem(codes)));
    RefOr::Ref(Ref::from_response_name(name))
}

/// A reference to the response 304.
pub(super) fn not_modified(components: &mut Responses) -> RefOr<Response> {
    const NAME: &str = "NotModified";
    components.entry(NAME.to_owned()).or_insert_with(|| {
        let mut response = ResponseBuilder::new()
            .description("The resource has not changed since the response that `If-None-Match` names.")
            .build();
        response.headers.insert("ETag".to_owned(), headers::reference("ETag"));
        // Lists have it, and single posts do not.
        response.headers.extend(headers::with_presence("Link", false).map(|link| ("Link".to_owned(), link)));
        headers::complete(&mut response, true);
        RefOr::T(response)
    });
    RefOr::Ref(Ref::from_response_name(NAME))
}

/// `slug_taken` becomes `SlugTaken`.
fn pascal_case(name: &str) -> String {
    let capitalize = |word: &str| {
        let mut chars = word.chars();
        chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect::<String>()
    };
    name.split('_').map(capitalize).collect()
}

fn describe_problem(codes: &[&'static ErrorCode]) -> Response {
    let descriptions: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.name, code.title)).collect();
    let example = |code: &&'static ErrorCode| {
        let value = serde_json::json!({
            "type": format!("/problems/{}", code.name),
            "title": code.title,
            "status": code.status.as_u16(),
            "detail": code.help,
            "code": code.name,
            "request_id": "5f2b9c0d1e3a4b67",
        });
        (code.name, ExampleBuilder::new().summary(code.title).value(Some(value)).build())
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(codes.iter().map(example))
        .build();
    let mut response = ResponseBuilder::new()
        .description(descriptions.join("; "))
        .content("application/problem+json", content)
        .build();
    for (name, is_required) in headers_of(codes) {
        response.headers.extend(headers::with_presence(name, *is_required).map(|header| ((*name).to_owned(), header)));
    }
    headers::complete(&mut response, false);
    response
}

/// The headers of a response with one of these errors, and whether it always has them.
fn headers_of(codes: &[&'static ErrorCode]) -> &'static [(&'static str, bool)] {
    match codes.first().map(|code| code.status.as_u16()) {
        Some(401) => &[("WWW-Authenticate", true)],
        Some(409) if codes.contains(&code::IDEMPOTENCY_KEY_IN_USE) => &[("Retry-After", false)],
        Some(429) => &[("Retry-After", true), ("RateLimit-Policy", true), ("RateLimit", true)],
        // Absent if the instance allows no event streams.
        Some(503) if codes.contains(&TOO_MANY_STREAMS) => &[("Retry-After", false)],
        Some(503) => &[("Retry-After", true)],
        _ => &[],
    }
}
