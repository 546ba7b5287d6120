//! `posts-api serve`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use posts_api::config::Config;
use posts_api::db::{Connection, Database, Timestamp, is_same_database, migrations};
use posts_api::http::transport::listeners::Listeners;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::ops::shutdown;
use posts_api::routing::Role;
use posts_api::{keys, server};

use crate::cli::Result;
use crate::cli::secret::{Printed, SecretError, store_and_print};

/// Serves the API until a signal stops it.
pub(crate) fn serve(config: &Config, no_migrate: bool) -> Result<()> {
    // Before the database is opened, so that a start that fails here changes nothing in it.
    let listeners = Listeners::bind(config)?;
    let mut conn = Connection::open(config.direct())?;
    prepare_schema(&mut conn, config, no_migrate)?;
    // The change poller uses the direct URL. On another database it would miss the changes of other instances, and the
    // cache would serve stale responses.
    if config.endpoints.direct.is_some() && !is_same_database(&mut conn, &mut Connection::open(&config.database)?) {
        return Err("DATABASE_DIRECT_URL names a different database than DATABASE_URL; both must name the same".into());
    }
    let system = actix_web::rt::System::new();
    let result = system.block_on(run_server(config, listeners, conn));
    exit_after(QUERY_TIMEOUT);
    // Closes the connections, which waits for running queries.
    drop(system);
    result
}

/// Applies the pending migrations. With `no_migrate`, fails if there are any.
fn prepare_schema(conn: &mut Connection, config: &Config, no_migrate: bool) -> Result<()> {
    if no_migrate {
        let pending = migrations::pending(conn)?;
        if !pending.is_empty() {
            return Err(format!("{} migrations are pending; run posts-api migrate", pending.len()).into());
        }
    } else {
        let applied = migrations::run(conn, config.direct())?;
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "applied migrations");
        }
    }
    Ok(())
}

async fn run_server(config: &Config, listeners: Listeners, mut conn: Connection) -> Result<()> {
    let database = Database::new(&config.database, &config.endpoints, config.pool)?;
    let service = server::serve(config, listeners, database)?;
    let shutdown = shutdown::on_signal(service.handle, service.readiness, service.deliveries, config.shutdown_grace)?;
    actix_web::rt::spawn(shutdown);
    if config.admin_api_key.is_none() {
        create_first_key(&mut conn, service.address)?;
    }
    drop(conn);
    tracing::info!(database = %config.database, "listening on http://{}", service.address);
    if let Some(address) = service.admin_address {
        tracing::info!("serving metrics on http://{address}/metrics");
    }
    service.server.await?;
    Ok(())
}

/// How long the process waits for running queries before it exits. A database that does not respond must not block the
/// exit.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a thread that ends the process after `timeout`.
fn exit_after(timeout: Duration) {
    let deadline = Instant::now() + timeout;
    std::thread::spawn(move || {
        while let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        std::process::exit(0)
    });
}

/// Creates an admin key and prints it if the database has never had a key. If the key cannot be printed, it is not
/// stored, and the service runs without it.
fn create_first_key(conn: &mut Connection, address: SocketAddr) -> Result<()> {
    let secret = SecretKey::generate()?;
    let hash = SecretKey::hash(secret.reveal());
    let key = CreateApiKey { name: "first start".into(), role: Role::Admin, expires_at: None };
    let store = |conn: &mut Connection| keys::store::create_first(conn, &key, &hash, Timestamp::now());
    match store_and_print(conn, store, &welcome_text(secret.reveal(), address), Printed::Key) {
        Err(SecretError::Print(_, error)) => {
            tracing::error!(
                %error,
                "created no admin key, because it could not be printed; set ADMIN_API_KEY, run \
                 posts-api keys create --role admin --name NAME, or start with another standard output"
            );
            Ok(())
        }
        result => Ok(result.map(drop)?),
    }
}

fn welcome_text(key: &str, address: SocketAddr) -> String {
    format!(
        "\nAdmin API key (shown only once):\n\n  {key}\n\nCreate a post:\n\n  \
         curl -X POST http://{address}/api/posts -H 'Authorization: Bearer {key}' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"title\": \"Hello, world\", \"published\": true}}'\n\n\
         Then open http://{address}/api/posts and http://{address}/docs.\n\n"
    )
}
