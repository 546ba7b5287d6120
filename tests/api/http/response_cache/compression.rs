//! Compressed responses from the cache.

use std::io::Read;

use serde_json::json;

use super::{fill, warm};
use crate::support::{Api, Reply, on_both, wait_for};

/// Reads until the response is compressed: the servers of all tests share the two compression permits of this process,
/// and without a permit the response is not compressed.
async fn read_compressed(api: &Api, path: &str) -> Reply {
    wait_for("a compressed response", async || {
        let reply = api.get(path).header("accept-encoding", "br, gzip").await.expect(200);
        (reply.header("content-encoding") == Some("gzip")).then_some(reply)
    })
    .await
}

#[on_both]
async fn compressed_response_has_its_own_etag(api: Api) {
    fill(&api, 3).await;
    warm(&api).await;
    let plain = api.get("/api/posts").await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.header("vary").unwrap().contains("Accept-Encoding"));
    let compressed = read_compressed(&api, "/api/posts").await;
    assert!(compressed.body.len() * 2 < plain.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&compressed.body[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    assert_ne!(compressed.header("etag"), plain.header("etag"));
    for etag in [compressed.header("etag").unwrap(), plain.header("etag").unwrap()] {
        api.get("/api/posts").header("if-none-match", etag).await.expect(304);
        let reply = api.get("/api/posts").header("if-none-match", etag).header("accept-encoding", "gzip").await;
        assert_eq!(reply.expect(304).header("etag"), Some(etag));
    }
}

#[on_both]
async fn gzip_with_quality_0_is_not_used(api: Api) {
    fill(&api, 3).await;
    // From here on, the cache has the compressed body.
    read_compressed(&api, "/api/posts").await;
    for list in [
        "gzip;q=0", "gzip;Q=0", "gzip ; Q=0.000", "x-gzip;q=0", "*;q=0", "gzip;q=0, *", "identity, gzip;q=0.9",
        "gzip;q=1.5", "gzip;q=x", "br", "",
    ] {
        let reply = api.get("/api/posts").header("accept-encoding", list).await.expect(200);
        assert_eq!(reply.header("content-encoding"), None, "{list:?}");
    }
    for list in ["gzip;Q=0.001", "x-gzip", "*", "br, *;q=0.1", "gzip ;q=1.000", "identity;q=0.5, GZIP;Q=0.5"] {
        let reply = api.get("/api/posts").header("accept-encoding", list).await.expect(200);
        assert_eq!(reply.header("content-encoding"), Some("gzip"), "{list:?}");
    }
}

#[on_both]
async fn repeated_accept_encoding_is_one_list(api: Api) {
    fill(&api, 3).await;
    read_compressed(&api, "/api/posts").await;
    for (lines, coding) in [
        (["br", "gzip"], Some("gzip")),
        (["gzip;q=0", "*"], None),
        (["gzip", "gzip;q=0"], None),
        (["identity", "gzip;q=0.5"], None),
    ] {
        let call = lines.iter().fold(api.get("/api/posts"), |call, line| call.header("accept-encoding", line));
        assert_eq!(call.await.expect(200).header("content-encoding"), coding, "{lines:?}");
    }
}

#[on_both]
async fn etag_of_a_compressed_post_works_with_if_match(api: Api) {
    fill(&api, 1).await;
    let post = read_compressed(&api, "/api/posts/1").await;
    let etag = post.header("etag").unwrap().to_owned();
    assert!(etag.ends_with("-gzip\""), "{etag}");
    api.editor().patch("/api/posts/1", &json!({"title": "x"})).header("if-match", &etag).await.expect(200);
    api.editor().patch("/api/posts/1", &json!({"title": "y"})).header("if-match", &etag).await.expect(412);
}
