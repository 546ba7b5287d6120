//! `posts-api keys`.

use std::process::ExitCode;

use clap::Subcommand;
use posts_api::config::Config;
use posts_api::db::{Connection, Timestamp};
use posts_api::escape::escape;
use posts_api::keys;
use posts_api::keys::model::{ApiKey, CreateApiKey, SecretKey};
use posts_api::resource::versioned::Preconditions;
use posts_api::routing::Role;

use crate::cli::Result;
use crate::cli::database::{open_existing, open_migrated};
use crate::cli::output::{confirm, print};
use crate::cli::secret::{Printed, store_and_print};
use crate::cli::table::{or_dash, table};

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key and print it. It cannot be shown again.
    Create {
        /// Role: reader, editor, or admin.
        #[arg(long, value_parser = role)]
        role: Role,
        /// Description of what the key is for.
        #[arg(long, value_parser = name)]
        name: String,
        /// Time at which the key expires, in RFC 3339 format. Default: never.
        #[arg(long, value_parser = expires_at)]
        expires_at: Option<Timestamp>,
    },
    /// List all keys that are not revoked.
    List,
    /// Revoke a key.
    Revoke {
        /// Id of the key, as `keys list` prints it.
        id: i64,
    },
}

pub(crate) fn run(config: &Config, command: KeysCommand) -> Result<ExitCode> {
    match command {
        KeysCommand::Create { role, name, expires_at } => {
            let secret = SecretKey::generate()?;
            let (hash, text) = (SecretKey::hash(secret.reveal()), format!("{}\n", secret.reveal()));
            let key = CreateApiKey { name, role, expires_at };
            let store =
                |conn: &mut Connection| keys::store::create(conn, &key, &hash, None, Timestamp::now()).map(Some);
            store_and_print(&mut open_migrated(config)?, store, &text, Printed::Key)?;
        }
        KeysCommand::List => print(&list(&keys::store::list(&mut open_existing(config)?)?))?,
        KeysCommand::Revoke { id } => {
            // Permits revoking the last admin key, because the operator can create another one with this command.
            let none = Preconditions::default();
            let revoked = open_existing(config)?
                .transaction(|conn| keys::store::revoke(conn, id, &none, true, Timestamp::now()))?;
            if revoked.is_err() {
                return Err(format!("key {id} does not exist or is already revoked; run posts-api keys list").into());
            }
            confirm(&format!("revoked key {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(keys: &[ApiKey]) -> String {
    let rows = keys.iter().map(|key| {
        [
            key.id.to_string(),
            key.role.to_string(),
            key.created_at.to_string(),
            or_dash(key.expires_at),
            or_dash(key.last_used_on.as_deref()),
            escape(&key.name).into_owned(),
        ]
    });
    table(["id", "role", "created_at", "expires_at", "last_used_on", "name"], rows)
}

fn role(text: &str) -> std::result::Result<Role, String> {
    text.parse().map_err(|invalid: posts_api::validation::Invalid| invalid.detail.into_owned())
}

fn name(text: &str) -> std::result::Result<String, String> {
    CreateApiKey::name(text.to_owned()).map_err(|invalid| invalid.detail.into_owned())
}

fn expires_at(text: &str) -> std::result::Result<Timestamp, String> {
    CreateApiKey::expires_at(text.to_owned()).map_err(|invalid| invalid.detail.into_owned())
}
