//! `posts-api serve`.

use std::time::{Duration, Instant};

use posts_api::config::Config;
use posts_api::db::{Connection, Database, Timestamp, is_same_database, migrations};
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::ops::shutdown;
use posts_api::routing::Role;
use posts_api::{keys, server};

use crate::cli::{Result, print};

pub(crate) fn serve(config: &Config, no_migrate: bool) -> Result<()> {
    let mut conn = Connection::open(config.direct())?;
    if no_migrate {
        let pending = migrations::pending(&mut conn)?;
        if !pending.is_empty() {
            return Err(format!("{} migrations are pending; run posts-api migrate", pending.len()).into());
        }
    } else {
        let applied = migrations::run(&mut conn, config.direct())?;
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "migrated the database");
        }
    }
    // The cache would miss what other instances change.
    if config.endpoints.direct.is_some() && !is_same_database(&mut conn, &mut Connection::open(&config.database)?) {
        return Err("DATABASE_DIRECT_URL leads to another database than DATABASE_URL".into());
    }
    let system = actix_web::rt::System::new();
    let served = system.block_on(async {
        let service =
            server::serve(config, Database::with_endpoints(&config.database, &config.endpoints, config.pool)?)?;
        // Not before the address is bound: a start that fails would store a key that nobody has seen.
        let first_key = if config.admin_api_key.is_none() { first_key(&mut conn)? } else { None };
        drop(conn);
        let stopping = shutdown::on_signal(service.handle, service.readiness, config.shutdown_grace)?;
        actix_web::rt::spawn(stopping);
        tracing::info!(database = %config.database, "listening on http://{}", service.address);
        if let Some(address) = service.admin_address {
            tracing::info!("metrics are at http://{address}/metrics");
        }
        if let Some(key) = first_key {
            print(&welcome(key.reveal(), &service.address.to_string()))?;
        }
        service.server.await?;
        Ok(())
    });
    exit_after(LAST_QUERIES);
    // Closes the connections, which waits for queries that still run.
    drop(system);
    served
}

/// What queries that nobody waits for any more get at the end: a database that hangs must not keep the process.
const LAST_QUERIES: Duration = Duration::from_secs(5);

fn exit_after(time: Duration) {
    let end = Instant::now() + time;
    std::thread::spawn(move || {
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        std::process::exit(0)
    });
}

fn first_key(conn: &mut Connection) -> Result<Option<SecretKey>> {
    let secret = SecretKey::generate()?;
    let key = CreateApiKey { name: "first start".into(), role: Role::Admin, expires_at: None };
    let created = keys::store::create_first(conn, &key, &SecretKey::hash(secret.reveal()), Timestamp::now())?;
    Ok(created.map(|_| secret))
}

fn welcome(key: &str, address: &str) -> String {
    format!(
        "\nThis is your admin key. It is shown only now:\n\n  {key}\n\nTry it:\n\n  \
         curl -X POST http://{address}/api/posts -H 'Authorization: Bearer {key}' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"title\": \"Hello, world\", \"published\": true}}'\n\n\
         Then open http://{address}/api/posts and http://{address}/docs.\n\n"
    )
}
