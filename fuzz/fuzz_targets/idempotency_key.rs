//! A key is taken as it is or not at all.
#![no_main]

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use libfuzzer_sys::fuzz_target;
use posts_api::fuzzing::idempotency_key;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let request = TestRequest::default().insert_header((NAME, value.clone()));
    let is_key = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match idempotency_key(&request.to_http_request()) {
        Ok(key) => assert!(is_key && key.unwrap().as_bytes() == bytes),
        Err(_) => assert!(!is_key),
    }
    let twice = TestRequest::default().append_header((NAME, value.clone())).append_header((NAME, value));
    assert!(idempotency_key(&twice.to_http_request()).is_err());
});
