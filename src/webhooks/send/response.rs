//! Reads `Retry-After`, and describes the errors of the client.

use std::io;
use std::time::{Duration, SystemTime};

use ureq::Error;
use ureq::http::HeaderMap;
use ureq::http::header::RETRY_AFTER;

use crate::tls::TlsError;
use crate::webhooks::send::limits::ResponseTooLarge;
use crate::webhooks::send::resolver::AddressNotAllowed;

/// The longest `Retry-After` that counts.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The value of `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit into the type counts as the maximum.
        value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(delay.min(MAX_RETRY_AFTER))
}

/// The reason why there was no response. Contains neither the URL nor anything that the receiver has sent.
pub(super) fn describe(error: &Error) -> &'static str {
    match error {
        Error::Timeout(_) => TIMEOUT,
        Error::HostNotFound => "host not found",
        Error::Io(error) => describe_io(error),
        Error::Protocol(error) if error.to_string().contains("too many headers") => "response too large",
        Error::Protocol(_) => "invalid HTTP response",
        Error::LargeResponseHeader(..) => "response too large",
        Error::Other(error) if error.is::<AddressNotAllowed>() => "address not allowed",
        Error::Other(error) if error.is::<ResponseTooLarge>() => "response too large",
        Error::Other(error) if error.is::<TlsError>() => "the service cannot use TLS",
        _ => "request failed",
    }
}

const TIMEOUT: &str = "no response within 15 s";

fn describe_io(error: &io::Error) -> &'static str {
    // TLS wraps the errors of the connection below.
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return describe(inner);
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TIMEOUT,
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "host unreachable",
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => "connection closed without a response",
        _ => describe_text(&error.to_string()),
    }
}

/// The errors of name resolution and of OpenSSL have no kind.
fn describe_text(text: &str) -> &'static str {
    let mentions = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if mentions(&["lookup address", "Name or service", "name resolution", "nodename"]) {
        "host not found"
    } else if mentions(&["hostname mismatch", "IP address mismatch"]) {
        "certificate for another host"
    } else if mentions(&["certificate has expired"]) {
        "certificate expired"
    } else if mentions(&["certificate"]) {
        "certificate not trusted"
    } else if mentions(&["SSL", "ssl"]) {
        "TLS handshake failed"
    } else {
        "connection failed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_up_to_an_hour() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("3600", Some(3600)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(3600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
