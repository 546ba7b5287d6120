//! API documentation: the OpenAPI document, the page that shows it to people, and the explanations of the error codes.

mod page;
mod static_file;

use std::future::{Ready, ready};

use actix_web::http::header::{self, Accept, Header, HeaderName, HeaderValue, Quality};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::ApiError;
use crate::http::error::code::ErrorCode;
use crate::http::extract::preconditions::IfNoneMatch;
use crate::openapi;
use crate::ops::docs::static_file::StaticFile;

/// The OpenAPI document, serialized once at startup.
#[derive(Debug)]
pub struct Document(StaticFile);

impl Document {
    /// Serializes the document.
    ///
    /// # Errors
    /// Serialization failed, which does not happen in practice.
    pub fn new(document: &utoipa::openapi::OpenApi) -> serde_json::Result<Self> {
        openapi::to_json(document).map(|json| Self(StaticFile::new("application/json", json)))
    }
}

/// Every error that the API can return, for [`get_problem`].
#[derive(Debug, Clone)]
pub struct ErrorCatalog(pub Vec<&'static ErrorCode>);

/// Allows only what the page needs: its own files, requests to this service, inline styles, and images that are part of
/// the styles. A 304 response needs it as well, because its headers replace those of the cached page (RFC 9111, section
/// 3.2).
const CSP: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
);

/// Keeps the address of this service private when a visitor follows an external link.
const REFERRER_POLICY: (HeaderName, HeaderValue) = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

/// Get the OpenAPI document
///
/// For tools that generate clients, tests, and documentation. `/docs` renders it for people.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operations", params(IfNoneMatch),
    responses(
        (
            status = 200, description = "The OpenAPI 3.1 document", body = serde_json::Value,
            headers(("ETag")), example = json!({"openapi": "3.1.0"}),
        ),
        (status = 304, description = "Not modified since the response that `If-None-Match` names"),
    ),
)]
pub async fn get_openapi(request: HttpRequest, document: web::Data<Document>) -> Result<HttpResponse, ApiError> {
    document.0.respond(&request)
}

/// Show the API documentation
///
/// Renders the OpenAPI document with Scalar, which can also send requests.
#[utoipa::path(
    get, path = "/docs", tag = "operations", extensions(("x-internal" = json!(true))), params(IfNoneMatch),
    responses(
        (
            status = 200, description = "The documentation page", body = String, content_type = "text/html",
            headers(("ETag")),
        ),
        (status = 304, description = "Not modified since the response that `If-None-Match` names"),
    ),
)]
pub async fn get_docs(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut response = page::page().respond(&request)?;
    for (name, value) in [CSP, REFERRER_POLICY] {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Get a file of the API documentation
///
/// A script or stylesheet of the documentation page.
#[utoipa::path(
    get, path = "/docs/{name}", tag = "operations", extensions(("x-internal" = json!(true))),
    params(
        ("name" = String, Path, description = "The name of the file", example = "page.css"),
        (
            "v" = Option<String>, Query,
            description = "The hash of the file. A response to the current one can be cached without revalidation.",
        ),
        IfNoneMatch,
    ),
    responses(
        (
            status = 200, description = "The file", content((String = "text/css"), (String = "text/javascript")),
            headers(("ETag")),
        ),
        (status = 304, description = "Not modified since the response that `If-None-Match` names"),
    ),
)]
pub async fn get_docs_file(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, ApiError> {
    page::file(&name).ok_or(ApiError::NotFound("file"))?.respond(&request)
}

/// Where to go from `/`: a browser is redirected to the documentation page; another client gets the paths as JSON.
pub fn get_root(request: HttpRequest) -> Ready<HttpResponse> {
    let mut response = if prefers_html(&request) {
        redirect("docs")
    } else {
        let paths = serde_json::json!({"docs": "/docs", "openapi": "/api/openapi.json", "posts": "/api/posts"});
        HttpResponse::Ok().json(paths)
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    ready(response)
}

/// Whether the client names HTML as acceptable, and does not prefer JSON.
fn prefers_html(request: &HttpRequest) -> bool {
    let Ok(accept) = Accept::parse(request) else { return false };
    let quality =
        |name: &str| accept.iter().filter(|item| item.item.essence_str() == name).map(|item| item.quality).max();
    let html = quality("text/html").unwrap_or(Quality::ZERO);
    html > Quality::ZERO && html >= quality("application/json").unwrap_or(Quality::ZERO)
}

/// Redirects from `/docs/` to the documentation page.
pub fn redirect_to_docs() -> Ready<HttpResponse> {
    ready(redirect("../docs"))
}

/// The URL is relative, so that it works behind a proxy that serves the page below another path.
fn redirect(location: &'static str) -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, HeaderValue::from_static(location))).finish()
}

/// Explain an error code
///
/// The `type` of every problem response links to this page.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "operations",
    params(("code" = String, Path, description = "The `code` of a problem response", example = "validation_failed")),
    responses((
        status = 200, description = "The meaning of the code and how to fix the error",
        content_type = "text/plain", body = String,
    )),
)]
pub async fn get_problem(code: web::Path<String>, catalog: web::Data<ErrorCatalog>) -> Result<HttpResponse, ApiError> {
    let code = catalog.0.iter().find(|known| known.name == *code).ok_or(ApiError::NotFound("error code"))?;
    let text = format!("{} ({})\n{}\n\n{}\n", code.name, code.status, code.title, code.help);
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}
