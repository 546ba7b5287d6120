//! Every route of the service: concatenates the `ROUTES` of each module, and registers them with actix.

use std::collections::HashSet;
use std::future::{Ready, ready};

use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, guard, web};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterIn};

use crate::db::with_deadline;
use crate::http::ApiError;
use crate::http::error::code;
use crate::http::error::code::ErrorCode;
use crate::keys::auth;
use crate::ops::docs;
use crate::routing::Operation;
use crate::{keys, openapi, ops, posts, webhooks};

/// The routes of each module. If several paths match a request, the first one is used.
const ROUTES: [&[Operation]; 5] = [posts::ROUTES, posts::changes::ROUTES, webhooks::ROUTES, keys::ROUTES, ops::ROUTES];

/// The errors that each module declares.
const ERRORS: [&[&ErrorCode]; 4] =
    [code::ERRORS, posts::errors::ERRORS, webhooks::errors::ERRORS, keys::errors::ERRORS];

/// Paths that lead people to the documentation page. They are not part of the API, so the document omits them.
const ENTRY_PATHS: [&str; 2] = ["/", "/docs/"];

/// Every operation, in the order in which paths are matched.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    ROUTES.into_iter().flatten()
}

/// Every error that the API can return.
pub fn error_codes() -> impl Iterator<Item = &'static ErrorCode> {
    ERRORS.into_iter().flatten().copied()
}

/// The OpenAPI document of the service.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::document(operations(), error_codes())
}

/// The path templates of all routes, such as `/api/posts/{id}`, in the order in which they are matched.
#[must_use]
pub fn templates() -> Vec<String> {
    let mut templates: Vec<String> = operations().map(|operation| (operation.path)()).collect();
    templates.extend(ENTRY_PATHS.map(str::to_owned));
    templates.dedup();
    templates
}

/// The paths of the operations that have query parameters.
pub(crate) fn with_query_parameters() -> HashSet<String> {
    let is_query = |parameter: &RefOr<Parameter>| {
        let RefOr::T(parameter) = parameter else { return false };
        matches!(parameter.parameter_in, ParameterIn::Query)
    };
    let has_query = |operation: &&Operation| (operation.describe)().parameters.iter().flatten().any(is_query);
    operations().filter(has_query).map(|operation| (operation.path)()).collect()
}

/// Registers one actix resource per path. The response to any other method of the path is 405 with `Allow`, or 204 to
/// `OPTIONS`.
pub fn configure(app: &mut web::ServiceConfig) {
    let mut paths: Vec<(String, Vec<&Operation>)> = Vec::new();
    for operation in operations() {
        let path = (operation.path)();
        match paths.iter_mut().find(|(other, _)| *other == path) {
            Some((_, operations)) => operations.push(operation),
            None => paths.push((path, vec![operation])),
        }
    }
    for (path, operations) in paths {
        let methods: Vec<Method> = operations.iter().flat_map(|operation| methods(operation)).collect();
        let allow = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
        let resource = operations
            .into_iter()
            .fold(web::resource(path), |resource, operation| resource.route(route(operation)))
            .default_service(web::to(move |request: HttpRequest| ready(method_not_allowed(&request, &allow))));
        app.service(resource);
    }
    let [root, docs_slash] = ENTRY_PATHS;
    app.service(entry(root, || web::to(docs::get_root)));
    app.service(entry(docs_slash, || web::to(docs::redirect_to_docs)));
}

fn entry(path: &str, to: fn() -> actix_web::Route) -> actix_web::Resource {
    web::resource(path)
        .route(to().guard(guard::Any(guard::Get()).or(guard::Head())))
        .default_service(web::to(|request: HttpRequest| ready(method_not_allowed(&request, "GET, HEAD, OPTIONS"))))
}

fn route(operation: &Operation) -> actix_web::Route {
    let access = operation.access;
    let method_guard = methods(operation)
        .into_iter()
        .fold(guard::Any(guard::fn_guard(|_| false)), |any, method| any.or(guard::Method(method)));
    (operation.route)()
        .guard(method_guard)
        .wrap(from_fn(move |request, next| with_deadline(auth::guard(access, request, next))))
}

/// `HEAD` works wherever `GET` does (RFC 9110, section 9.3.2); actix omits the body when it writes the response.
fn methods(operation: &Operation) -> Vec<Method> {
    (operation.methods)()
        .into_iter()
        .flat_map(|method| match method {
            HttpMethod::Get => vec![Method::GET, Method::HEAD],
            HttpMethod::Post => vec![Method::POST],
            HttpMethod::Put => vec![Method::PUT],
            HttpMethod::Patch => vec![Method::PATCH],
            HttpMethod::Delete => vec![Method::DELETE],
            _ => Vec::new(),
        })
        .collect()
}

fn method_not_allowed(request: &HttpRequest, allow: &str) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    Err(ApiError::MethodNotAllowed { allow: allow.to_owned() })
}

/// Responds with 404 to a path without a route.
pub fn no_route() -> Ready<Result<HttpResponse, ApiError>> {
    ready(Err(ApiError::NotFound("route")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_is_unique_and_explained() {
        let codes: Vec<_> = error_codes().collect();
        for (index, code) in codes.iter().enumerate() {
            assert!(code.status.as_u16() >= 400, "{code:?}");
            assert!(code.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
            assert!(!code.title.is_empty() && code.help.ends_with('.'), "{code:?}");
            assert!(codes[..index].iter().all(|other| other.name != code.name), "{code:?}");
        }
    }
}
