//! Below HTTP: listening sockets, timeouts of a connection, the stream of a request body, and the address of the client.

pub mod client_ip;
pub mod listen;
pub mod request_body;
pub mod timeout_stream;
