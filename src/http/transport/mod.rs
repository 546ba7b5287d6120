//! Below HTTP: listening sockets, connection timeouts, request body streams, and client addresses.

pub mod client_ip;
pub mod listen;
pub mod listeners;
pub mod request_body;
pub mod timeout_stream;
