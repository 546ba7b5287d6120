//! The command line.

mod commands;
mod export;
mod log;
mod progress;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use posts_api::config::{Config, Settings, environment};
use posts_api::db::{Connection, Database, Timestamp, is_one_database, migrations};
use posts_api::keys::model::{CreateApiKey, Role, SecretKey};
use posts_api::ops::shutdown;
use posts_api::posts::transfer::Contents;
use posts_api::{app, db, keys, openapi};

use commands::{backup, doctor, print, transfer};

/// Answers are made of many small strings and one large one, for which glibc's allocator asks the kernel too often.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The posts backend for any frontend: a JSON REST API on SQLite or PostgreSQL.
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; this is what happens without a command.
    Serve {
        /// Stop with an error where migrations are pending, instead of applying them.
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply the pending migrations and stop.
    Migrate,
    /// Make, list and revoke API keys, directly in the database.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Store the posts of a file; all of them or none, unless it says otherwise.
    Import(transfer::Import),
    /// Print every post as NDJSON, which import reads back.
    Export {
        /// Also print the API keys, by their hashes, and where ids go on: all that another database needs to take the
        /// place of this one.
        #[arg(long)]
        keys: bool,
    },
    /// Copy the database of SQLite to a file, while others read and write it.
    Backup {
        /// Where to; it appears when it is whole.
        file: PathBuf,
        /// Replace the file where it is there already.
        #[arg(long)]
        overwrite: bool,
    },
    /// Look for what stands in the way of serving, and say what to do; the exit code is 1 where something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key and print it once.
    Create {
        /// reader, editor or admin.
        #[arg(long, value_parser = role)]
        role: Role,
        /// What it is for.
        #[arg(long, value_parser = name)]
        name: String,
        /// From when on it is refused, as an RFC 3339 time. Default: never.
        #[arg(long, value_parser = expires_at)]
        expires_at: Option<Timestamp>,
    },
    /// List the keys that were not revoked.
    List,
    /// Revoke a key by its id.
    Revoke { id: i64 },
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let outcome = load_env_file().and_then(|()| parse()).and_then(run);
    match outcome {
        Ok(code) => code,
        // Whoever reads the output has read enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, also where a library's message has several.
            let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(std::io::stderr(), "error: {line}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A missing `.env` is fine, a broken one is not. Its error would quote the line, which may hold a password.
fn load_env_file() -> Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(_, at)) => {
            Err(format!(".env cannot be read: mistake at character {at} of a line").into())
        }
        Err(error) => Err(format!(".env cannot be read: {error}").into()),
    }
}

/// A wrong value is told in one line, like everything that stops the start; help and usage come as clap writes them.
fn parse() -> Result<CommandLine> {
    CommandLine::try_parse().map_err(|error| match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let text = error.render().to_string();
            // The paragraphs after the first repeat the usage.
            text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").into()
        }
        _ => error.exit(),
    })
}

fn run(line: CommandLine) -> Result<ExitCode> {
    if matches!(line.command, Some(Command::Openapi)) {
        print(&openapi::to_json(&app::document())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = line.settings.check(environment);
    if let Some(Command::Doctor { json }) = line.command {
        return doctor::doctor(config, json);
    }
    let config = config?;
    let _exports = log::start(&config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(from) = config.slow_query {
        db::log_slow_queries(from);
    }
    match line.command.unwrap_or(Command::Serve { no_migrate: false }) {
        Command::Serve { no_migrate } => serve(&config, no_migrate)?,
        Command::Migrate => {
            let mut conn = Connection::open(config.direct())?;
            let applied = migrations::run(&mut conn, config.direct())?;
            print(&format!("applied {} migrations: {}\n", applied.len(), applied.join(", ")))?;
        }
        Command::Keys { command } => return keys_command(&mut migrated(&config)?, command),
        Command::Openapi | Command::Doctor { .. } => {}
        Command::Import(import) => return import.run(&mut migrated(&config)?),
        Command::Export { keys } => {
            let contents = if keys { Contents::PostsAndKeys } else { Contents::Posts };
            transfer::export(&mut migrated(&config)?, contents)?;
        }
        Command::Backup { file, overwrite } => backup::backup(&config, &file, overwrite)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn migrated(config: &Config) -> Result<Connection> {
    let mut conn = Connection::open(config.direct())?;
    migrations::run(&mut conn, config.direct())?;
    Ok(conn)
}

fn serve(config: &Config, no_migrate: bool) -> Result<()> {
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
    if config.endpoints.direct.is_some() && !is_one_database(&mut conn, &mut Connection::open(&config.database)?) {
        return Err("DATABASE_DIRECT_URL leads to another database than DATABASE_URL".into());
    }
    let system = actix_web::rt::System::new();
    let served = system.block_on(async {
        let service = app::serve(config, Database::with(&config.database, &config.endpoints, config.pool)?)?;
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

fn role(text: &str) -> std::result::Result<Role, String> {
    text.parse().map_err(|invalid: posts_api::input::Invalid| invalid.detail.into_owned())
}

fn name(text: &str) -> std::result::Result<String, String> {
    CreateApiKey::name(text.to_owned()).map_err(|invalid| invalid.detail.into_owned())
}

fn expires_at(text: &str) -> std::result::Result<Timestamp, String> {
    CreateApiKey::expires_at(text.to_owned()).map_err(|invalid| invalid.detail.into_owned())
}

fn keys_command(conn: &mut Connection, command: KeysCommand) -> Result<ExitCode> {
    match command {
        KeysCommand::Create { role, name, expires_at } => {
            let secret = SecretKey::generate()?;
            let hash = SecretKey::hash(secret.reveal());
            keys::store::create(conn, &CreateApiKey { name, role, expires_at }, &hash, None, Timestamp::now())?;
            print(&format!("{}\n", secret.reveal()))?;
        }
        KeysCommand::List => {
            print("id\trole\tcreated_at\texpires_at\tlast_used_on\tname\n")?;
            for key in keys::store::list(conn)? {
                let expires_at = key.expires_at.map_or("-".to_owned(), |time| time.to_string());
                let last_used_on = key.last_used_on.as_deref().unwrap_or("-");
                let (id, role, created_at, name) = (key.id, key.role, key.created_at, key.name);
                print(&format!("{id}\t{role}\t{created_at}\t{expires_at}\t{last_used_on}\t{name}\n"))?;
            }
        }
        KeysCommand::Revoke { id } => {
            // Who has the database can always make another one.
            let revoked = conn.transaction(|conn| keys::store::revoke(conn, id, true, Timestamp::now()))?;
            if revoked.is_err() {
                return Err(format!("there is no key {id}").into());
            }
            print(&format!("revoked key {id}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
