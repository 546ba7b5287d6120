//! The served OpenAPI document, the docs page that shows it, and the help page of each error code.

use posts_api::routes;

use crate::support::{Api, on_both};

/// The files that the page loads: the values of its `src` and `href` attributes.
fn files(html: &str) -> Vec<&str> {
    ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|file| *file != "/docs/")
        .collect()
}

#[on_both]
async fn openapi_document_is_served(api: Api) {
    let reply = api.get("/api/openapi.json").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.text(), posts_api::openapi::to_json(&posts_api::routes::document()).unwrap());
}

#[on_both]
async fn docs_page_loads_only_local_files(api: Api) {
    let page = api.get("/docs").await.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "{policy}");
    let html = page.text();
    assert!(html.contains("<base href=\"/docs/\">"), "{html}");
    // The Content-Security-Policy blocks inline scripts.
    assert!(!html.contains("<script>"), "{html}");
    let files = files(html);
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert!(!file.contains("//"), "{file} is on another host");
        let reply = api.get(&format!("/docs/{}", file.trim_start_matches("./"))).await.expect(200);
        assert!(!reply.body.is_empty(), "{file}");
        let content_type = reply.header("content-type").unwrap();
        let expected = match file.rsplit('.').next() {
            Some("js") => "javascript",
            Some("css") => "text/css",
            _ => "image/",
        };
        assert!(content_type.contains(expected), "{file}: {content_type}");
    }
}

#[on_both]
async fn docs_page_shows_this_api(api: Api) {
    let script = api.get("/docs/swagger-initializer.js").await.expect(200);
    assert!(script.text().contains("/api/openapi.json"), "{}", script.text());
    assert!(!script.text().contains("petstore"), "{}", script.text());
}

#[on_both]
async fn every_error_code_has_a_help_page(api: Api) {
    for code in routes::error_codes() {
        let reply = api.get(&format!("/problems/{}", code.name)).await.expect(200);
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        for part in [code.name, code.title, code.help, code.status.as_str()] {
            assert!(reply.text().contains(part), "{}: {part}", code.name);
        }
    }
}

#[on_both]
async fn public_routes_ignore_the_api_key(api: Api) {
    for path in ["/docs", "/api/openapi.json", "/health/live", "/health/ready", "/problems/not_found"] {
        api.with_key("unknown").get(path).await.expect(200);
    }
}
