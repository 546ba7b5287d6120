//! What a client must not see, do, or exhaust: drafts, roles, rate limits, secrets, and malformed requests.

mod audit_log;
mod body_limits;
pub(crate) mod draft_leaks;
mod draft_leaks_cached;
mod key_guessing;
mod rate_limits;
mod request_smuggling;
mod roles;
mod secrets;
