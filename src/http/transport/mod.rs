//! Below HTTP: listening sockets, limits of connections and memory, timeouts, body streams, and client addresses.

pub mod client_ip;
pub mod connection_state;
pub mod connections;
mod head_memory;
pub mod listen;
pub mod listeners;
pub mod memory_budget;
pub mod request_body;
pub mod timeout_stream;
mod write_progress;
