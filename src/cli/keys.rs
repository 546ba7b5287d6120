//! `posts-api keys`.

use std::process::ExitCode;

use clap::Subcommand;
use posts_api::db::{Connection, Timestamp};
use posts_api::keys;
use posts_api::keys::model::{CreateApiKey, SecretKey};
use posts_api::resource::versioned::Preconditions;
use posts_api::routing::Role;

use crate::cli::{Result, print};

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

/// Runs the command. The database must be migrated.
pub(crate) fn run(conn: &mut Connection, command: KeysCommand) -> Result<ExitCode> {
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
            // Permits revoking the last admin key, because the operator can create another one with this command.
            let none = Preconditions::default();
            let revoked = conn.transaction(|conn| keys::store::revoke(conn, id, &none, true, Timestamp::now()))?;
            if revoked.is_err() {
                return Err(format!("key {id} does not exist or is already revoked; run posts-api keys list").into());
            }
            print(&format!("revoked key {id}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
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
