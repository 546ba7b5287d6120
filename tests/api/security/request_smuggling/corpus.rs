//! The requests, each with its expected outcome.

/// The expected outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// One 4xx or 5xx response, and the server closes.
    Rejected,
    /// One response with this status.
    Status(u16),
    /// One response with this status, and the server closes. It does not execute what follows, and sends at most a 400.
    Last(u16),
}
pub(super) use Expected::{Last, Rejected, Status};

/// Placeholder for the headers that authorize a write and name the type of its body.
pub(super) const KEY: &str = "<key>";
/// Placeholder for a whole request that would store a post.
pub(super) const SMUGGLED: &str = "<smuggled>";
/// Placeholder for the length of that request.
pub(super) const LENGTH: &str = "<length>";

/// The start of a request that stores a post. `\r\n\r\n` and the body follow.
pub(super) const POST: &str = "POST /api/posts HTTP/1.1\r\nHost: x\r\n<key>";
pub(super) const GET: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n";

/// What follows [`POST`]: more headers, and a body.
pub(super) const POSTS: &[(&str, Expected)] = &[
    // Two lengths (RFC 9112, section 6.3).
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: <length>\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 0\r\nContent-Length: <length>\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 2, 2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 2,2\r\n\r\n{}<smuggled>", Rejected),
    // Not a number.
    ("Content-Length: +2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: -1\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 0x2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 2 2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 2.0\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 1e1\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: \u{ff12}\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length:\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: \x0b2\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 18446744073709551616\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 18446744073709551618\r\n\r\n{}<smuggled>", Rejected),
    ("Content-Length: 9223372036854775808\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 00000000000000000000000002\r\n\r\n{}", Status(422)),
    ("content-length:2\r\n\r\n{}", Status(422)),
    // Transfer codings other than chunked, or disguised ones.
    ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: identity\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunk\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding:\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: \0chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding:  Chunked \r\n\r\n2\r\n{}\r\n0\r\n\r\n", Status(422)),
    ("Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Status(422)),
    // Malformed header fields (RFC 9112, section 5).
    ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    (" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X: y\r\n\tContent-Length: 0\r\nContent-Length: <length>\r\n\r\n<smuggled>", Rejected),
    ("X: y\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Content-Length: 2\nContent-Length: 0\r\n\r\n{}<smuggled>", Rejected),
    ("X: \0\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X\0: y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X: \x7f\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    (": y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("X(y): z\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("Host: y\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    ("Host: x\r\nContent-Length: 2\r\n\r\n{}<smuggled>", Rejected),
    // Unrelated header names, even if a proxy normalizes them.
    ("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", Status(422)),
    ("X-HTTP-Method-Override: GET\r\nContent-Length: 2\r\n\r\n{}", Status(422)),
    // Malformed chunks (RFC 9112, section 7.1).
    ("Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2_0\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n;x\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2\r{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2;x=\0\r\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2;x\n{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2;x=\"\r\n\"{}\r\n0\r\n\r\n<smuggled>", Rejected),
    ("Transfer-Encoding: chunked\r\n\r\n2;name=value;other\r\n{}\r\n0\r\n\r\n", Status(422)),
    ("Transfer-Encoding: chunked\r\n\r\n000000000000000000000002\r\n{}\r\n00\r\n\r\n", Status(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n", Status(422)),
    // Trailers have no effect: actix-http looks for their end and does not parse them.
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\nAuthorization: x\r\n\r\n", Status(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n<smuggled>\r\n\r\n", Last(422)),
    ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\n<smuggled>", Last(422)),
    // A request inside a body.
    ("Content-Length: <length>\r\n\r\n<smuggled>", Status(400)),
    ("Expect: 100-continue\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(400)),
    ("Content-Type: text/plain\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(400)),
    ("Content-Encoding: gzip\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(415)),
    ("Idempotency-Key: \r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(400)),
    ("Content-Length: 99999999\r\n\r\n<smuggled>", Last(413)),
    ("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n<smuggled>", Status(408)),
];

/// Whole requests.
pub(super) const REQUESTS: &[(&str, Expected)] = &[
    // Bodies of requests that need none.
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(200)),
    ("HEAD /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(200)),
    (
        "GET /api/posts HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nContent-Length: <length>\r\n\r\n<smuggled>",
        Status(304),
    ),
    ("OPTIONS /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(204)),
    ("DELETE /api/posts/99 HTTP/1.1\r\nHost: x\r\n<key>Content-Length: <length>\r\n\r\n<smuggled>", Status(404)),
    (
        "POST /api/posts/99/unpublish HTTP/1.1\r\nHost: x\r\n<key>Content-Length: <length>\r\n\r\n<smuggled>",
        Status(404),
    ),
    ("POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(401)),
    ("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(404)),
    ("TRACE /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(405)),
    ("POST /docs HTTP/1.1\r\nHost: x\r\nContent-Length: <length>\r\n\r\n<smuggled>", Status(405)),
    // CONNECT and Upgrade without a tunnel.
    ("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Last(404)),
    ("CONNECT /api/posts HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Last(405)),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n<smuggled>", Last(200)),
    (
        "GET /health/live HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        Status(200),
    ),
    // The last request of its connection.
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n<smuggled>", Last(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n<smuggled>", Last(200)),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n<smuggled>", Last(200)),
    ("GET /health/live HTTP/1.0\r\n\r\n<smuggled>", Last(200)),
    ("GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx<smuggled>", Last(200)),
    // HTTP/1.0 (RFC 9112, section 6.1).
    ("POST /api/posts HTTP/1.0\r\n<key>Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>", Rejected),
    (
        "GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n<smuggled>",
        Rejected,
    ),
    ("POST /api/posts HTTP/1.0\r\n<key>\r\n<smuggled>", Rejected),
    ("POST /api/posts HTTP/1.0\r\n<key>Content-Length: 2\r\n\r\n{}", Last(422)),
    // Host (RFC 9112, section 3.2).
    ("GET /health/live HTTP/1.1\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n<smuggled>", Rejected),
    ("GET http://elsewhere/health/live HTTP/1.1\r\n\r\n<smuggled>", Rejected),
    // Request targets.
    ("GET http://elsewhere/health/live HTTP/1.1\r\nHost: x\r\n\r\n", Status(200)),
    ("GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET health/live HTTP/1.1\r\nHost: x\r\n\r\n", Rejected),
    ("GET /health/live#x HTTP/1.1\r\nHost: x\r\n\r\n", Status(200)),
    ("GET /health/%zz HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /health/live% HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /health/live%2 HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /health/live%00 HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /api/posts/by-slug/%ff HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /api/posts/by-slug/%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n", Status(404)),
    ("GET /api/posts?q=%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n", Status(200)),
    ("GET /health/live\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/\0live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/ live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/\tlive HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    // Request lines.
    ("get /health/live HTTP/1.1\r\nHost: x\r\n\r\n", Status(405)),
    ("GE(T /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("G\0T /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    (" GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET  /health/live HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live  HTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.1 \r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET\t/health/live\tHTTP/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live http/1.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.2\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.10\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/01.1\r\nHost: x\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live HTTP/1.1\rHost: x\r\r<smuggled>", Rejected),
    ("\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", Status(200)),
    // A line may end with LF alone (RFC 9112, section 2.2).
    ("GET /health/live HTTP/1.1\nHost: x\n\n", Status(200)),
    // Other protocols.
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0<smuggled>", Rejected),
    ("GET /health/live\r\n\r\n<smuggled>", Rejected),
    ("GET /health/live\r\n", Rejected),
    ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", Rejected),
    ("SSH-2.0-OpenSSH_9.2\r\n", Rejected),
    ("nonsense\r\n\r\n<smuggled>", Rejected),
];
