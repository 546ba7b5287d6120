//! Idempotency keys: the parser accepts 1 to 255 visible ASCII characters unchanged and rejects everything else.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;

use crate::http::extract::idempotency_key::parse_header;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

pub fn check(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let request = TestRequest::default().insert_header((NAME, value.clone()));
    let is_key = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match parse_header(&request.to_http_request()) {
        Ok(found) => assert!(is_key && found.unwrap().as_bytes() == bytes),
        Err(_) => assert!(!is_key),
    }
    let twice = TestRequest::default().append_header((NAME, value.clone())).append_header((NAME, value));
    assert!(parse_header(&twice.to_http_request()).is_err());
}
