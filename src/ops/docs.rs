//! The OpenAPI document, the page that shows it, and the explanations of the error codes. None of it needs the
//! internet: Swagger UI is in the binary.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use crate::http::ApiError;
use crate::http::error::code::ErrorCode;
use crate::openapi;

/// The document, written once at start.
#[derive(Debug, Clone)]
pub struct Document(web::Bytes);

impl Document {
    /// # Errors
    /// None in practice: the document always serializes.
    pub fn new(document: &utoipa::openapi::OpenApi) -> serde_json::Result<Self> {
        openapi::to_json(document).map(|json| Self(json.into()))
    }
}

/// Every error that the API can return, for [`get_problem`].
#[derive(Debug, Clone)]
pub struct ErrorCatalog(pub Vec<&'static ErrorCode>);

/// Swagger UI styles its elements inline and draws its icons as `data:` images; nothing else is let in.
const CSP: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    ),
);

/// Its links lead elsewhere, where nobody need know which service this is.
const REFERRER_POLICY: (HeaderName, HeaderValue) = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

/// Read this document
///
/// For tools that make clients, tests and pages of it; `/docs` shows it to people.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operations",
    responses((status = 200, description = "The OpenAPI 3.1 document of this service", body = serde_json::Value, example = json!({"openapi": "3.1.0"}))),
)]
pub async fn get_openapi(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.0.clone())
}

/// Show this document as a page
///
/// Swagger UI, which also sends requests.
#[utoipa::path(
    get, path = "/docs", tag = "operations",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub fn get_docs() -> Ready<Result<HttpResponse, ApiError>> {
    ready(file("index.html"))
}

/// Read a file of the page
///
/// Swagger UI's own styles, scripts and icons.
#[utoipa::path(
    get, path = "/docs/{name}", tag = "operations",
    params(("name" = String, Path, description = "The file's name", example = "swagger-ui.css")),
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
    let bytes = if name == "index.html" { with_base(&file.bytes) } else { file.bytes.into_owned() };
    Ok(HttpResponse::Ok().insert_header(CSP).insert_header(REFERRER_POLICY).content_type(file.content_type).body(bytes))
}

/// The page names its files relative to itself, and its path has no slash at the end.
fn with_base(html: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(html).replace("<head>", "<head><base href=\"/docs/\">").into_bytes()
}

/// Explain an error code
///
/// Every problem's `type` leads here.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "operations",
    params(("code" = String, Path, description = "The `code` of a problem", example = "validation_failed")),
    responses((status = 200, description = "What the code means and what to do", body = String, content_type = "text/plain")),
)]
pub async fn get_problem(code: web::Path<String>, catalog: web::Data<ErrorCatalog>) -> Result<HttpResponse, ApiError> {
    let code = catalog.0.iter().find(|known| known.name == *code).ok_or(ApiError::NotFound("error code"))?;
    let text = format!("{} ({})\n{}\n\n{}\n", code.name, code.status, code.title, code.help);
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}
