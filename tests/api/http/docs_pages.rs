//! The served OpenAPI document, the docs page that shows it, the help page of each error code, and `/`.

use std::io::Read;

use flate2::read::GzDecoder;
use posts_api::routes;
use reqwest::Method;

use crate::support::{Api, Reply, on_both};

/// Every file that the page consists of, and the document.
const FILES: [&str; 5] = ["/docs", "/docs/page.css", "/docs/page.js", "/docs/scalar.js", "/api/openapi.json"];

/// The URLs that the page loads: the values of its `src` and `href` attributes, relative to the page.
fn files(html: &str) -> Vec<&str> {
    ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|file| !file.starts_with("data:"))
        .collect()
}

async fn accepting(api: &Api, path: &str, codings: &str) -> Reply {
    api.get(path).header("accept-encoding", codings).await.expect(200)
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    GzDecoder::new(body).read_to_end(&mut content).unwrap();
    content
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
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = page.text();
    assert!(html.contains("<title>posts-api: API reference</title>"), "{html}");
    // The Content-Security-Policy blocks inline scripts.
    assert!(!html.contains("<script>"), "{html}");
    let files = files(html);
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        // Relative, so that the page works behind a proxy that serves it below another path.
        assert!(!file.starts_with('/') && !file.contains("//"), "{file}");
        let reply = api.get(&format!("/{file}")).await.expect(200);
        let path = file.split('?').next().unwrap();
        let expected = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "application/json",
        };
        assert_eq!(reply.header("content-type"), Some(expected), "{file}");
        let is_versioned = file.contains("?v=");
        assert_eq!(is_versioned, path != "api/openapi.json", "{file}");
        let caching = if is_versioned { "public, max-age=31536000, immutable" } else { "public, no-cache" };
        assert_eq!(reply.header("cache-control"), Some(caching), "{file}");
    }
}

#[on_both]
async fn docs_files_are_revalidated_without_their_version(api: Api) {
    for file in FILES {
        for query in ["", "?v=", "?v=0", "?v"] {
            let reply = api.get(&format!("{file}{query}")).await.expect(200);
            assert_eq!(reply.header("cache-control"), Some("public, no-cache"), "{file}{query}");
        }
    }
}

#[on_both]
async fn docs_are_sent_compressed(api: Api) {
    for file in FILES {
        let plain = accepting(&api, file, "identity").await;
        assert_eq!(plain.header("content-encoding"), None, "{file}");
        let compressed = accepting(&api, file, "gzip, deflate").await;
        // page.css is too short.
        if compressed.header("content-encoding").is_some() {
            assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{file}");
            assert!(compressed.body.len() * 2 < plain.body.len(), "{file}: {}", compressed.body.len());
            assert_eq!(gunzip(&compressed.body), plain.body, "{file}");
        } else {
            assert!(plain.body.len() < 2048, "{file}: {}", plain.body.len());
        }
        for reply in [plain, compressed] {
            assert!(reply.header("vary").unwrap().contains("Accept-Encoding"), "{file}");
        }
    }
    let document = accepting(&api, "/api/openapi.json", "gzip, br").await;
    assert_eq!(document.header("content-encoding"), Some("gzip"));
}

#[on_both]
async fn docs_script_is_sent_with_brotli_if_preferred(api: Api) {
    let gzip = accepting(&api, "/docs/scalar.js", "gzip").await;
    let brotli = accepting(&api, "/docs/scalar.js", "gzip, deflate, br, zstd").await;
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    assert!(brotli.body.len() < gzip.body.len(), "{} {}", brotli.body.len(), gzip.body.len());
    let mut content = Vec::new();
    brotli_decompressor::BrotliDecompress(&mut &*brotli.body, &mut content).unwrap();
    assert!(content == gunzip(&gzip.body));
    let gzip = accepting(&api, "/docs/scalar.js", "gzip, br;q=0.5").await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
}

#[on_both]
async fn docs_are_revalidated_with_their_entity_tags(api: Api) {
    for file in FILES {
        let mut tags = Vec::new();
        for codings in ["identity", "gzip", "br"] {
            let reply = accepting(&api, file, codings).await;
            let tag = reply.header("etag").unwrap().to_owned();
            for condition in [&tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
                let request = api.get(file).header("accept-encoding", codings).header("if-none-match", condition);
                let unchanged = request.await.expect(304);
                for name in ["etag", "cache-control", "vary", "content-security-policy", "referrer-policy"] {
                    assert_eq!(unchanged.header(name), reply.header(name), "{file} {condition}: {name}");
                }
                assert!(unchanged.body.is_empty(), "{file}");
            }
            // Another coding of the same content is as current.
            api.get(file).header("if-none-match", &tag).await.expect(304);
            tags.push((reply.header("content-encoding").map(str::to_owned), tag));
        }
        // A strong tag identifies exact bytes.
        for (coding, tag) in &tags {
            assert!(tags.iter().all(|(other, same)| (other == coding) == (same == tag)), "{tags:?}");
        }
        for condition in ["\"other\"", "\"\"", "other", &format!("{}0\"", tags[0].1.trim_end_matches('"'))] {
            api.get(file).header("if-none-match", condition).await.expect(200);
        }
    }
}

#[on_both]
async fn root_redirects_browsers_and_lists_paths_for_tools(api: Api) {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for method in [Method::GET, Method::HEAD] {
        let reply = api.call(method.clone(), "/").header("accept", browser).await.expect(307);
        assert_eq!(reply.header("location"), Some("docs"));
        assert!(reply.header("vary").unwrap().contains("Accept"));
        for accept in [
            "*/*", "application/json", "application/json, text/html;q=0.1", "text/html;q=0, */*", "text/*", "nonsense",
            "",
        ] {
            let reply = api.call(method.clone(), "/").header("accept", accept).await.expect(200);
            assert_eq!(reply.header("content-type"), Some("application/json"), "{accept}");
            assert!(reply.header("vary").unwrap().contains("Accept"));
        }
    }
    let paths = api.get("/").await.json(200);
    for (_, path) in paths.as_object().unwrap() {
        api.get(path.as_str().unwrap()).await.expect(200);
    }
    assert_eq!(paths["docs"], "/docs");
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
