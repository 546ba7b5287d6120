//! The OpenAPI 3.1 document.
//!
//! A handler describes its parameters and its successful responses. This module adds the errors: those that the
//! [`Operation`] declares, and those that it derives from the access, method, parameters, and body. It moves what
//! several operations have in common to the components of the document.

mod headers;
mod parameters;
mod responses;

use std::collections::BTreeMap;

use utoipa::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation as OpenApiOperation, Parameter};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, Object, RefOr, Schema};

use crate::http::error::code;
use crate::http::error::code::ErrorCode;
use crate::http::error::problem::Problem;
use crate::http::middleware::rate_limit;
use crate::routing::{Access, Operation, Role};

const SECURITY_SCHEME: &str = "apiKey";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "posts-api",
        description = "The posts backend for any frontend: create drafts, publish them, and list published posts.\n\n\
            Published posts can be read without authentication. Everything else requires an API key, sent as \
            `Authorization: Bearer <key>`. A key has the role `reader` (reads drafts), `editor` (also changes posts), \
            or `admin` (also manages API keys and webhooks).\n\nMember names are snake_case, times are RFC 3339 in \
            UTC, and ids are below 2^53. Every `GET` route also supports `HEAD`. Errors are `application/problem+json` \
            (RFC 9457) with a stable `code`, which `/problems/{code}` explains.",
        license(name = "MIT OR Apache-2.0", url = "https://opensource.org/license/mit"),
    ),
    servers((url = "/", description = "This service")),
    tags(
        (name = "posts", description = "Create, publish, and list posts."),
        (name = "webhooks", description = "Send requests when public posts change. Requires the role `admin`."),
        (name = "keys", description = "Manage API keys. Requires the role `admin`."),
        (name = "operations", description = "For operators and tools."),
    ),
    components(schemas(Problem)),
)]
struct Base;

/// Builds the document from these operations, and from all errors that they can return.
#[must_use]
pub fn document(
    operations: impl Iterator<Item = &'static Operation>,
    errors: impl Iterator<Item = &'static ErrorCode>,
) -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(
        SECURITY_SCHEME.to_owned(),
        RefOr::T(SecurityScheme::Http(
            Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "An API key. The first start of the service prints one; `posts-api keys create` and \
                     `POST /api/keys` create more.",
                ))
                .build(),
        )),
    );
    components.headers = headers::components();
    let mut schemas = Vec::new();
    for operation in operations {
        (operation.schemas)(&mut schemas);
        let described = describe(operation, components);
        document.paths.add_path_operation((operation.path)(), (operation.methods)(), described);
    }
    components.schemas.extend(schemas);
    components.schemas.values_mut().for_each(describe_nullable_properties);
    if let Some(RefOr::T(Schema::Object(problem))) = components.schemas.get_mut("Problem") {
        list_codes(problem, errors);
    }
    document
}

/// Moves the description of a nullable property from the reference, where utoipa puts it and generators ignore it, to
/// the property.
fn describe_nullable_properties(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    for property in object.properties.values_mut() {
        let RefOr::T(Schema::OneOf(property)) = property else { continue };
        for item in &mut property.items {
            if let RefOr::Ref(reference) = item {
                property.description = Some(std::mem::take(&mut reference.description));
            }
        }
    }
}

/// Lists the known codes in the property `code` of [`Problem`]. Not as an `enum`, which makes the decoders of generated
/// clients reject a code that a later version adds.
fn list_codes(problem: &mut Object, errors: impl Iterator<Item = &'static ErrorCode>) {
    if let Some(RefOr::T(Schema::Object(code))) = problem.properties.get_mut("code") {
        let names: Vec<&str> = errors.map(|error| error.name).collect();
        code.extensions.get_or_insert_default().insert("x-extensible-enum".to_owned(), names.into());
    }
}

/// Completes the description of a handler with its tags, its access, its headers, and its errors.
fn describe(operation: &Operation, components: &mut Components) -> OpenApiOperation {
    let mut described = (operation.describe)();
    // utoipa stores tags outside the operation.
    described.tags = Some((operation.tags)().into_iter().map(str::to_owned).collect());
    let codes = codes(operation, &described);
    if let Some(RefOr::T(body)) = &mut described.request_body {
        body.content.values_mut().for_each(remove_null);
    }
    if let Access::AtLeast(role) = operation.access {
        let text = described.description.get_or_insert_default();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let or_above = if role == Role::Admin { "" } else { " or above" };
        text.extend(["Requires an API key with the role `", role.as_str(), "`", or_above, "."]);
    }
    described.security = match operation.access {
        Access::Unchecked => Some(Vec::new()),
        Access::Anyone => Some(vec![SecurityRequirement::default(), key_requirement()]),
        Access::AtLeast(_) => Some(vec![key_requirement()]),
    };
    add_responses(&mut described, &codes, operation, components);
    parameters::share(&mut described, &mut components.parameters);
    described
}

/// Adds the error responses and 304, and the headers of all responses.
fn add_responses(
    described: &mut OpenApiOperation,
    codes: &[&'static ErrorCode],
    operation: &Operation,
    components: &mut Components,
) {
    let is_rate_limited = !rate_limit::is_exempt(&(operation.path)());
    let responses = &mut described.responses.responses;
    for response in responses.values_mut() {
        if let RefOr::T(response) = response {
            headers::complete(response, is_rate_limited);
        }
    }
    if has_parameter(described.parameters.as_ref(), "If-None-Match") && (operation.methods)().contains(&HttpMethod::Get)
    {
        responses.insert("304".to_owned(), responses::not_modified(&mut components.responses));
    }
    let mut by_status: BTreeMap<u16, Vec<&'static ErrorCode>> = BTreeMap::new();
    for code in codes {
        let same_status = by_status.entry(code.status.as_u16()).or_default();
        if !same_status.contains(code) {
            same_status.push(code);
        }
    }
    for (status, mut codes) in by_status {
        codes.sort_unstable_by_key(|code| code.name);
        responses.insert(status.to_string(), responses::problem(&codes, &mut components.responses));
    }
}

fn has_parameter(parameters: Option<&Vec<RefOr<Parameter>>>, name: &str) -> bool {
    let mut parameters = parameters.into_iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == name))
}

/// Removes the null type from the schema of a body. utoipa describes an optional body as nullable. Clients should omit
/// the body instead, although the service accepts `null` there.
fn remove_null(content: &mut RefOr<Content>) {
    if let RefOr::T(content) = content
        && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
    {
        content.schema = either.items.iter().find(|schema| matches!(schema, RefOr::Ref(_))).cloned();
    }
}

/// The errors of each operation that has a request body.
const BODY_CODES: [&ErrorCode; 5] = [
    code::MALFORMED_JSON,
    code::REQUEST_TIMEOUT,
    code::BODY_TOO_LARGE,
    code::UNSUPPORTED_MEDIA_TYPE,
    code::VALIDATION_FAILED,
];

/// The errors that the operation declares, and those that are derived from its access, method, parameters, and body.
fn codes(operation: &Operation, described: &OpenApiOperation) -> Vec<&'static ErrorCode> {
    let has_parameter = |name| has_parameter(described.parameters.as_ref(), name);
    let mut codes = operation.codes.to_vec();
    match operation.access {
        Access::Unchecked => {}
        Access::Anyone => codes.extend([code::KEY_INVALID]),
        Access::AtLeast(_) => codes.extend([code::KEY_REQUIRED, code::KEY_INVALID, code::FORBIDDEN]),
    }
    if (operation.methods)().iter().any(|method| *method != HttpMethod::Get) {
        codes.push(code::UNSUPPORTED_CONTENT_ENCODING);
        if operation.access != Access::Unchecked {
            codes.push(code::STORAGE_FULL);
        }
    }
    if has_parameter("If-Match") {
        codes.extend([code::INVALID_HEADER, code::PRECONDITION_FAILED, code::PRECONDITION_REQUIRED]);
    }
    if has_parameter("Idempotency-Key") {
        codes.extend([code::IDEMPOTENCY_KEY_IN_USE, code::IDEMPOTENCY_KEY_REUSED, code::INVALID_HEADER]);
    }
    if described.request_body.is_some() {
        codes.extend(BODY_CODES);
    }
    if !rate_limit::is_exempt(&(operation.path)()) {
        codes.push(code::RATE_LIMITED);
    }
    if operation.access != Access::Unchecked {
        codes.extend([code::INTERNAL_ERROR, code::DATABASE_BUSY, code::DATABASE_UNAVAILABLE]);
    }
    codes.push(code::SERVER_BUSY);
    codes
}

fn key_requirement() -> SecurityRequirement {
    SecurityRequirement::new::<_, [String; 0], String>(SECURITY_SCHEME, [])
}

/// The document as JSON text, as stored in `openapi/openapi.json`.
///
/// # Errors
/// None in practice: strings and numbers always serialize.
pub fn to_json(document: &utoipa::openapi::OpenApi) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(document).map(|json| json + "\n")
}
