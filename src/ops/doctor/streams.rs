//! The check of the limit on event streams.

use crate::config::Config;
use crate::http::transport::listen::{clients_per_worker, max_streams};
use crate::ops::doctor::Check;

/// Warns if the service would serve fewer event streams than `MAX_STREAMS`. The limit on open files is that of this
/// process, so run `doctor` with the same limit as the service.
pub(crate) fn check(config: &Config) -> Check {
    const NAME: &str = "streams";
    let requested = config.max_streams;
    let limit = max_streams(requested, clients_per_worker(config.database_connections()));
    if limit < requested {
        let message = format!(
            "MAX_STREAMS is {requested}, but the service serves at most {limit} event streams, half of the connections \
             that the limit on open files of this process permits; raise that limit (ulimit -n, LimitNOFILE), or lower \
             MAX_STREAMS"
        );
        return Check::warning(NAME, message);
    }
    if requested == 0 {
        return Check::ok(NAME, "the service serves no event streams (MAX_STREAMS)");
    }
    Check::ok(NAME, format!("the service serves up to {limit} event streams"))
}
