//! API keys: creation, use, expiry, and revocation.

mod api_keys;
mod lifecycle;
