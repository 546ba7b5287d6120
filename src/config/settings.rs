//! The declarations of the settings: names, help, accepted values, and defaults. The command line,
//! `docs/configuration.md`, and `.env.example` are generated from them. `config::reference` tests the two files.

use clap::Args;

/// The declaration of a setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// The name of the environment variable.
    pub(super) variable: &'static str,
    /// A description of the valid values that completes the sentence "must be …".
    pub(super) accepts: &'static str,
    /// The text of the default value. `none` if there is no default.
    pub(super) default: &'static str,
    #[cfg(test)]
    pub(super) documentation: Documentation,
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct Documentation {
    pub(super) section: &'static str,
    pub(super) flag: &'static str,
    pub(super) value_name: &'static str,
    /// One sentence without a period, for `-h`.
    pub(super) help: &'static str,
    /// Further sentences without the last period, for `--help` and the documentation.
    pub(super) details: &'static str,
}

/// Declares the [`Settings`] struct for clap, a [`Setting`] constant for each setting, and the list `ALL`.
macro_rules! settings {
    ($($section:literal { $(
        $field:ident $constant:ident = $variable:literal, $value_name:literal, default $default:literal:
        $help:literal; $accepts:literal; $details:literal;
    )+ })+) => {
        /// The flags of the command line. [`Settings::check`] adds the values from the environment.
        #[derive(Default, Args)]
        pub struct Settings { $($(
            #[arg(
                long, global = true, value_name = $value_name, help_heading = $section,
                help = concat!($help, " [env: ", $variable, "] [default: ", $default, "]"),
                long_help = concat!(
                    $help, ". ", $details, ".\n\nValue: ", $accepts, "\n[env: ", $variable, "] [default: ",
                    $default, "]"
                ),
            )]
            pub(super) $field: Option<String>,
        )+)+ }

        $($(
            pub(super) const $constant: Setting = Setting {
                variable: $variable,
                accepts: $accepts,
                default: $default,
                #[cfg(test)]
                documentation: Documentation {
                    section: $section,
                    flag: stringify!($field),
                    value_name: $value_name,
                    help: $help,
                    details: $details,
                },
            };
        )+)+

        pub(super) const ALL: &[&Setting] = &[$($(&$constant,)+)+];
    };
}

settings! {
    "Database" {
        database_url DATABASE_URL = "DATABASE_URL", "URL", default "sqlite://posts.db":
            "Database to store posts in";
            "`sqlite://FILE` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";
            "The file is created if it is missing; a PostgreSQL database must exist. Percent-encode special characters \
             in user name and password: `#` as `%23`, `%` as `%25`, `/` as `%2F`, `:` as `%3A`, `?` as `%3F`, and `@` \
             as `%40`";
        database_direct_url DATABASE_DIRECT_URL = "DATABASE_DIRECT_URL", "URL", default "none":
            "URL of the same PostgreSQL database without the pooler of `DATABASE_URL`";
            "a `postgres://` URL of the same database and schema as `DATABASE_URL`";
            "Used for migrations, commands, change polling, and the cancellation of statements. Without it, these use \
             `DATABASE_URL`; behind a pooler, statements are then not canceled";
        database_read_url DATABASE_READ_URL = "DATABASE_READ_URL", "URL", default "none":
            "URL of a streaming replica that serves reads without an API key";
            "a `postgres://` URL of a standby of `DATABASE_URL`";
            "The primary serves these reads while the replica is down, too far behind, or lacks a change that this \
             instance has acknowledged";
        max_replica_lag MAX_REPLICA_LAG = "MAX_REPLICA_LAG", "SECONDS", default "10":
            "Seconds that the replica may lag behind the primary before it is marked unhealthy";
            "an integer between 1 and 3600, in seconds";
            "It is marked healthy again when its lag has fallen below half of this limit";
        db_pool_size DB_POOL_SIZE = "DB_POOL_SIZE", "N", default "8":
            "Connections in the database pool";
            "an integer between 1 and 1000";
            "On SQLite they serve reads, on PostgreSQL reads and writes. On PostgreSQL, one more connection polls for \
             changes, one cancels statements while there are any to cancel, and a replica has a pool of the same size. \
             With 1, long reads have one more connection. If the URL has the parameter `connection_limit`, its \
             value is the default";
    }
    "Network" {
        host HOST = "HOST", "ADDRESS", default "127.0.0.1":
            "IP address to listen on";
            "an IP address or `localhost`";
            "`127.0.0.1` accepts connections from this machine only, `0.0.0.0` from everywhere";
        port PORT = "PORT", "PORT", default "8080":
            "Port to listen on";
            "an integer between 0 and 65535";
            "0 chooses a free port, which the log shows";
        trusted_proxies TRUSTED_PROXIES = "TRUSTED_PROXIES", "NETWORKS", default "none":
            "Proxies whose `Forwarded` or `X-Forwarded-For` header names the client IP";
            "IP addresses and networks separated by commas, such as `10.0.0.0/8,::1`";
            "Without it, all clients behind a proxy share its address and its rate limit. The proxy must set one of \
             the two headers, or append to it";
        connections_per_ip CONNECTIONS_PER_IP = "CONNECTIONS_PER_IP", "N", default "512":
            "Connections that each client IP may have open";
            "an integer number of connections, or 0 for no limit";
            "Connections from this machine and from `TRUSTED_PROXIES` are not limited. An IPv6 client is its /64 \
             network";
        webhook_networks WEBHOOK_NETWORKS = "WEBHOOK_NETWORKS", "NETWORKS", default "none":
            "Networks that are not public, but to which webhooks may send requests";
            "IP addresses and networks separated by commas, such as `10.20.0.0/16,fd00:20::/32`";
            "Webhooks to these networks may use plain http. All other webhooks must use https and public addresses. \
             Each holder of an admin key can send requests to these networks";
        max_streams MAX_STREAMS = "MAX_STREAMS", "N", default "1000":
            "Maximum number of event streams that this instance serves at the same time";
            "an integer number of streams, or 0 to serve none";
            "Further requests to `/api/changes/stream` get 503. Each stream occupies a connection, so streams use at \
             most half of the connections that the limit on open files permits. Each client IP may have a tenth of the \
             streams, but at least 8. Clients on this machine are not limited";
        cors_allowed_origins CORS_ALLOWED_ORIGINS = "CORS_ALLOWED_ORIGINS", "ORIGINS", default "none":
            "Browser origins that may read and write";
            "origins separated by commas, without paths, such as `https://example.org,http://localhost:4321`";
            "Without it, any origin may read and none may write";
        rate_limit RATE_LIMIT = "RATE_LIMIT", "RATES", default "reads=10000/s,writes=1000/s,failures=20/m":
            "Maximum request rates of each API key, and of each client IP without a key";
            "`off`, or rates such as `reads=10000/s,writes=1000/s,failures=20/m`, each from 1 to 1000000 per second \
             (s), minute (m), or hour (h)";
            "The number in a rate is also the maximum burst. `failures` limits requests with an invalid key, by client \
             IP. A rate that is not listed keeps its default. `off` disables all limits";
        shutdown_grace SHUTDOWN_GRACE = "SHUTDOWN_GRACE", "SECONDS", default "0":
            "Seconds to keep serving after SIGTERM, while `/health/ready` returns 503";
            "an integer between 0 and 3600, in seconds";
            "Gives a load balancer time to remove the instance. Afterwards, open requests have 30 seconds and running \
             queries 5 seconds to end";
    }
    "API" {
        admin_api_key ADMIN_API_KEY = "ADMIN_API_KEY", "KEY", default "none":
            "Admin API key to use instead of a generated one";
            "at least 22 printable ASCII characters without spaces; `openssl rand -hex 32` generates one";
            "Without it, the first start on a new database creates an admin key and prints it";
        require_if_match REQUIRE_IF_MATCH = "REQUIRE_IF_MATCH", "BOOL", default "false":
            "Reject changes without `If-Match` with status 428";
            "`true` or `false`";
            "`PUT` needs `If-Match`, or `If-None-Match: *` to create a post. `POST` requests that create posts need \
             neither";
        cache_bytes CACHE_BYTES = "CACHE_BYTES", "BYTES", default "67108864":
            "Bytes of memory for cached responses to requests without an API key";
            "an integer number of bytes, or 0 to disable the cache";
            "The default is 64 MiB";
        response_bytes RESPONSE_BYTES = "RESPONSE_BYTES", "BYTES", default "67108864":
            "Bytes of memory for requests and responses in progress, in addition to `CACHE_BYTES`";
            "an integer number of bytes, at least 41943040";
            "The default is 64 MiB. Beyond it, the response is 503. Responses of more than 64 KiB to clients without \
             an API key may use half of it, shorter ones seven eighths";
    }
    "Logs, metrics, and traces" {
        log RUST_LOG = "RUST_LOG", "FILTER", default "info,actix_server=warn":
            "Messages to log to standard error";
            "a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or a list with modules such as \
             `info,posts_api=debug`";
            "`audit=off` disables the audit log";
        log_format LOG_FORMAT = "LOG_FORMAT", "FORMAT", default "pretty":
            "Format of the log";
            "`pretty` or `json`";
            "`json` writes one object per line";
        slow_query_ms SLOW_QUERY_MS = "SLOW_QUERY_MS", "MILLISECONDS", default "none":
            "Duration in milliseconds from which a query is logged as slow";
            "an integer between 1 and 3600000, in milliseconds";
            "The log contains the SQL without bound values. Without this setting, no query is logged";
        admin_port ADMIN_PORT = "ADMIN_PORT", "PORT", default "none":
            "Port of a second listener, which serves `/metrics`";
            "an integer between 0 and 65535";
            "The listener requires no API key. Without this setting, there is no second listener";
        admin_host ADMIN_HOST = "ADMIN_HOST", "ADDRESS", default "127.0.0.1":
            "IP address of the second listener";
            "an IP address or `localhost`";
            "Choose an address that only your monitoring system can reach";
        otel_exporter_otlp_endpoint OTEL_EXPORTER_OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "URL", default "none":
            "OpenTelemetry collector that receives traces by OTLP over HTTP";
            "an http or https URL without user name and password, such as `http://127.0.0.1:4318`";
            "Other environment variables of OpenTelemetry also apply, such as `OTEL_EXPORTER_OTLP_HEADERS`, \
             `OTEL_TRACES_SAMPLER`, and `OTEL_SERVICE_NAME`";
        sentry_dsn SENTRY_DSN = "SENTRY_DSN", "DSN", default "none":
            "Sentry project that receives errors";
            "a Sentry DSN such as `https://KEY@HOST/PROJECT`";
            "The environment variable `SENTRY_ENVIRONMENT` also applies";
    }
}
