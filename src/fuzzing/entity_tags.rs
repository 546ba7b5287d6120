//! Entity tag lists: parsing ignores formatting, and `If-Match` and `If-None-Match` parse the same tags.

use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;

use crate::http::entity_tag::{Tag, parse_list};
use crate::http::extract::preconditions::{PreconditionHeaders, TagCondition};
use crate::http::representation::{CacheScope, Representation};
use crate::http::transport::memory_budget::MemoryBudget;

fn serialize(tags: &[Tag<'_>]) -> String {
    let serialize_tag = |tag: &Tag<'_>| format!("{}\"{}\"", if tag.is_weak { "W/" } else { "" }, tag.opaque);
    tags.iter().map(serialize_tag).collect::<Vec<_>>().join(", ")
}

fn is_not_modified(tag: &str, if_none_match: &HeaderValue) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_NONE_MATCH, if_none_match.clone());
    let memory = MemoryBudget::new(0, 1024).count(0);
    let representation = Representation::of_read(EntityTag::new_strong(tag.to_owned()), None, &(), memory).unwrap();
    representation.respond(&headers, CacheScope::Private).unwrap().status() == StatusCode::NOT_MODIFIED
}

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(value) = HeaderValue::from_str(text) else { return };
    let request = TestRequest::default().insert_header((header::IF_MATCH, value.clone())).to_http_request();
    let headers = PreconditionHeaders::from_request(&request, &mut Payload::None).into_inner();
    let Some(tags) = parse_list(text) else {
        assert!(headers.is_err() || text == "*");
        // Only checks that the comparison does not panic.
        let _ = is_not_modified("9f86d081884c7d659a2feaa0c55ad015", &value);
        return;
    };
    assert_eq!(parse_list(&serialize(&tags)).as_ref(), Some(&tags));
    let listed = tags.iter().map(|tag| (tag.is_weak, tag.opaque.to_owned())).collect();
    assert_eq!(headers.unwrap().if_match, Some(TagCondition::Tags(listed)));
    // The service's own tags contain no comma, and only those of compressed responses end with `-gzip`.
    for tag in tags.iter().filter(|tag| !tag.opaque.contains(',') && !tag.opaque.ends_with("-gzip")) {
        assert!(is_not_modified(tag.opaque, &value));
        assert!(!is_not_modified(&format!("{}x{}", tag.opaque, text.len()), &value) || tags.len() > 1);
    }
}
