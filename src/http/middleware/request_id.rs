//! The id of a request: the trace id that the client sent, or a new one.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace id that the client sent: `trace-id` in `traceparent` (W3C Trace Context, section 3.2). `None` if the
/// header is invalid.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(TRACEPARENT);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let mut parts = value.to_str().ok()?.split('-');
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    let [version, trace, parent, flags] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let are_fields_valid =
        is_hex(version, 2) && version != "ff" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2);
    // Later versions may have more fields.
    let is_field_count_valid = parts.next().is_none() || version != "00";
    (are_fields_valid && is_field_count_valid).then(|| trace.to_owned())
}

/// A request id that is unique among all instances and does not reveal the number of requests: a counter with a random
/// start, mixed as in `SplitMix64` (Steele, Lea, and Flood, 2014), which maps different counts to different ids.
pub(crate) fn request_id() -> String {
    static START: LazyLock<u64> = LazyLock::new(|| getrandom::u64().unwrap_or_default());
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut id = START.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", id ^ (id >> 31))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_a_valid_traceparent_supplies_the_request_id() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        const PARENT: &str = "00f067aa0ba902b7";
        let id = |values: &[String]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            }
            trace_id(&headers)
        };
        let good = format!("00-{TRACE}-{PARENT}-01");
        for value in [good.clone(), format!("00-{TRACE}-{PARENT}-00"), format!("01-{TRACE}-{PARENT}-01-more")] {
            assert_eq!(id(std::slice::from_ref(&value)).as_deref(), Some(TRACE), "{value}");
        }
        let (upper, zeros) = (TRACE.to_uppercase(), "0".repeat(32));
        for value in [
            String::new(),
            "00".into(),
            TRACE.into(),
            format!("00-{TRACE}-{PARENT}"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}x-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-zz"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(id(std::slice::from_ref(&value)), None, "{value}");
        }
        assert_eq!(id(&[good.clone(), good]), None);
        assert_eq!(id(&[]), None);
    }
}
