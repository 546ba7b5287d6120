//! API documentation: the OpenAPI document, Swagger UI, and the explanations of the error codes. All files are part of
//! the binary, so the pages work offline.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use crate::http::ApiError;
use crate::http::error::code::ErrorCode;
use crate::openapi;

/// The OpenAPI document, serialized once at startup.
#[derive(Debug, Clone)]
pub struct Document(web::Bytes);

impl Document {
    /// Serializes the document.
    ///
    /// # Errors
    /// Serialization failed, which does not happen in practice.
    pub fn new(document: &utoipa::openapi::OpenApi) -> serde_json::Result<Self> {
        openapi::to_json(document).map(|json| Self(json.into()))
    }
}

/// Every error that the API can return, for [`get_problem`].
#[derive(Debug, Clone)]
pub struct ErrorCatalog(pub Vec<&'static ErrorCode>);

/// Allows only what Swagger UI needs beyond its own files: inline styles, and icons as `data:` images.
const CSP: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    ),
);

/// Keeps the address of this service private when a visitor follows an external link.
const REFERRER_POLICY: (HeaderName, HeaderValue) = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

/// Get the OpenAPI document
///
/// For tools that generate clients, tests, and documentation. `/docs` renders it for people.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operations",
    responses((status = 200, description = "The OpenAPI 3.1 document", body = serde_json::Value, example = json!({"openapi": "3.1.0"}))),
)]
pub async fn get_openapi(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
}

/// Show the API documentation
///
/// Renders the OpenAPI document with Swagger UI, which can also send requests.
#[utoipa::path(
    get, path = "/docs", tag = "operations", extensions(("x-internal" = json!(true))),
    responses((status = 200, description = "The documentation page", body = String, content_type = "text/html")),
)]
pub fn get_docs() -> Ready<Result<HttpResponse, ApiError>> {
    ready(file("index.html"))
}

/// Get a file of the API documentation
///
/// The styles, scripts, and icons of Swagger UI.
#[utoipa::path(
    get, path = "/docs/{name}", tag = "operations", extensions(("x-internal" = json!(true))),
    params(("name" = String, Path, description = "The name of the file", example = "swagger-ui.css")),
    responses((
        status = 200, description = "The file",
        content((String = "text/css"), (String = "text/html"), (String = "text/javascript"), (String = "image/png")),
    )),
)]
pub fn get_docs_file(name: web::Path<String>) -> Ready<Result<HttpResponse, ApiError>> {
    ready(file(&name))
}

fn file(name: &str) -> Result<HttpResponse, ApiError> {
    let config = Arc::new(Config::from("/api/openapi.json").try_it_out_enabled(true));
    let file = serve(name, config).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    let file = file.ok_or(ApiError::NotFound("file"))?;
    let bytes = match file.bytes {
        bytes if name == "index.html" => with_base(&bytes).into(),
        // The script has more than a megabyte: a copy for each client would occupy too much memory.
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(HttpResponse::Ok().insert_header(CSP).insert_header(REFERRER_POLICY).content_type(file.content_type).body(bytes))
}

/// Adds a `<base>` element. The page links its files by relative URLs, and its path has no trailing slash.
fn with_base(html: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(html).replace("<head>", "<head><base href=\"/docs/\">").into_bytes()
}

/// Explain an error code
///
/// The `type` of every problem response links to this page.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "operations",
    params(("code" = String, Path, description = "The `code` of a problem response", example = "validation_failed")),
    responses((status = 200, description = "The meaning of the code and how to fix the error", body = String, content_type = "text/plain")),
)]
pub async fn get_problem(code: web::Path<String>, catalog: web::Data<ErrorCatalog>) -> Result<HttpResponse, ApiError> {
    let code = catalog.0.iter().find(|known| known.name == *code).ok_or(ApiError::NotFound("error code"))?;
    let text = format!("{} ({})\n{}\n\n{}\n", code.name, code.status, code.title, code.help);
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}
