//! Requests that offer to switch to another protocol: the service ignores the offer and sends `Connection: close`.

use crate::support::{Api, on_both, raw};

#[on_both]
async fn offered_upgrade_gets_a_response_that_closes(api: Api) {
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.3, IRC/6.9\r\n",
        "Connection: Upgrade\r\n",
        "Upgrade: websocket\r\n",
    ] {
        for (line, status) in [("GET /api/posts", 200), ("HEAD /health/live", 200), ("GET /nowhere", 404)] {
            // Whatever follows may belong to the other protocol, so it is not executed.
            let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n");
            let responses = String::from_utf8(raw::exchange(api.server.address, request.as_bytes())).unwrap();
            let statuses: Vec<&str> = responses.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
            assert_eq!(statuses.first(), Some(&status.to_string().as_str()), "{request}: {responses}");
            assert!(statuses[1..].iter().all(|status| *status == "400"), "{request}: {responses}");
            let head = responses.split("\r\n\r\n").next().unwrap().to_lowercase();
            assert!(head.contains("\r\nconnection: close"), "{request}: {head}");
            assert!(!head.contains("connection: upgrade"), "{request}: {head}");
        }
    }
}

#[on_both]
async fn unoffered_upgrade_keeps_the_connection(api: Api) {
    // Without `Connection: Upgrade`, the field is not an offer (RFC 9110, section 7.8).
    let first = "GET /health/live HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n";
    let second = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let responses = raw::exchange(api.server.address, format!("{first}{second}").as_bytes());
    let responses = String::from_utf8(responses).unwrap();
    let statuses: Vec<&str> = responses.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
    assert_eq!(statuses, ["200", "404"], "{responses}");
}
