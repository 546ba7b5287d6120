//! `posts-api webhooks`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use posts_api::config::Config;
use posts_api::db::{Connection, Timestamp};
use posts_api::escape::escape;
use posts_api::resource::versioned::{Change, Preconditions};
use posts_api::validation;
use posts_api::validation::FieldError;
use posts_api::webhooks::actions::ReplayStart;
use posts_api::webhooks::credential::Credential;
use posts_api::webhooks::input::{CreateWebhook, UpdateWebhook};
use posts_api::webhooks::model::Webhook;
use posts_api::webhooks::send::{Networks, target};
use posts_api::webhooks::{offline, store};
use serde_json::{Map, Value, json};

use crate::cli::Result;
use crate::cli::database::{open_existing, open_migrated};
use crate::cli::output::{confirm, print};
use crate::cli::secret::{Printed, store_and_print};
use crate::cli::table::{or_dash, table};

#[derive(Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List all webhooks. Of their URLs, only scheme and host are shown.
    List,
    /// Create a webhook and print its secret. It cannot be shown again.
    Create(CreateArgs),
    /// Enable a webhook. It continues at its position, and repeats a failed request at once.
    Enable {
        /// Id of the webhook, as `webhooks list` prints it.
        id: i64,
    },
    /// Disable a webhook. When it is enabled again, it continues at its position.
    Disable {
        /// Id of the webhook, as `webhooks list` prints it.
        id: i64,
    },
    /// Move a webhook to a position of the change feed. The changes after it are delivered.
    Replay {
        /// Id of the webhook, as `webhooks list` prints it.
        id: i64,
        #[command(flatten)]
        start: StartArgs,
    },
    /// Delete a webhook.
    Delete {
        /// Id of the webhook, as `webhooks list` prints it.
        id: i64,
    },
}

#[derive(Args)]
pub(crate) struct CreateArgs {
    /// URL that the requests are sent to.
    #[arg(long)]
    url: String,
    /// Name for people. Default: the host of the URL.
    #[arg(long)]
    name: Option<String>,
    /// When requests are sent: `each` change, or once per `burst`. Default: each.
    #[arg(long)]
    mode: Option<String>,
    /// Change to announce, such as post.published. Can be repeated. Default: all.
    #[arg(long = "event")]
    events: Vec<String>,
    /// Additional request header, as `Name: value`. Can be repeated.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// With `burst`: JSON object to send instead of the event.
    #[arg(long)]
    body: Option<String>,
    /// With `burst`: seconds without a change before a request is sent. Default: 10.
    #[arg(long)]
    quiet: Option<i64>,
    /// With `burst`: maximum seconds from the first change to the request. Default: 120.
    #[arg(long)]
    max_wait: Option<i64>,
    /// Create the webhook disabled.
    #[arg(long)]
    disabled: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct StartArgs {
    /// Cursor of the change feed, `webhook-id` of a request, or `now`.
    #[arg(long, value_parser = cursor)]
    cursor: Option<ReplayStart>,
    /// Time of the first change to deliver, in RFC 3339 format.
    #[arg(long, value_parser = since)]
    since: Option<ReplayStart>,
}

pub(crate) fn run(config: &Config, command: WebhooksCommand) -> Result<ExitCode> {
    match command {
        WebhooksCommand::List => print(&list(&store::list(&mut open_existing(config)?)?))?,
        WebhooksCommand::Create(args) => create(config, args)?,
        WebhooksCommand::Enable { id } => set_enabled(config, id, true)?,
        WebhooksCommand::Disable { id } => set_enabled(config, id, false)?,
        WebhooksCommand::Replay { id, start } => replay(config, id, start)?,
        WebhooksCommand::Delete { id } => {
            let none = Preconditions::default();
            require(id, open_existing(config)?.transaction(|conn| store::delete(conn, id, &none))?)?;
            confirm(&format!("deleted webhook {id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn create(config: &Config, args: CreateArgs) -> Result<()> {
    let webhook: CreateWebhook = validation::read(args.into_json()?, "").map_err(|errors| describe(&errors))?;
    let mut webhook = webhook.into_config().map_err(|errors| describe(&errors))?;
    let networks = Networks::new(&config.webhook_networks);
    let target = target::check(webhook.url.reveal(), &networks).map_err(|problem| format!("--url: {problem}"))?;
    webhook.url = Credential::new(target.url().as_str().to_owned());
    let secret = Credential::generate_secret()?;
    let text = format!("{}\n", secret.reveal());
    let store = |conn: &mut Connection| offline::create(conn, &webhook, &secret, Timestamp::now());
    if !store_and_print(&mut open_migrated(config)?, store, &text, Printed::WebhookSecret)? {
        return Err("there are 50 webhooks already; delete one first".into());
    }
    Ok(())
}

impl CreateArgs {
    /// The request body that these arguments stand for.
    fn into_json(self) -> Result<Value> {
        let mut body = Map::new();
        body.insert("url".to_owned(), self.url.into());
        let texts = [("name", self.name), ("mode", self.mode)];
        body.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        let numbers = [("quiet", self.quiet), ("max_wait", self.max_wait)];
        body.extend(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into()))));
        if !self.events.is_empty() {
            body.insert("events".to_owned(), self.events.into());
        }
        let mut headers = Map::new();
        for header in &self.headers {
            let (name, value) = header.split_once(':').ok_or("--header: must be a name, a colon, and a value")?;
            if headers.insert(name.to_owned(), value.trim().into()).is_some() {
                return Err("--header: must not be repeated with the same name".into());
            }
        }
        body.insert("headers".to_owned(), headers.into());
        if let Some(text) = self.body {
            let value: Value = serde_json::from_str(&text).map_err(|error| format!("--body: invalid JSON: {error}"))?;
            body.insert("body".to_owned(), value);
        }
        body.insert("enabled".to_owned(), json!(!self.disabled));
        Ok(body.into())
    }
}

/// The first error, in terms of the options. Headers and URL are not quoted, because they are credentials.
fn describe(errors: &[FieldError]) -> String {
    let option = |pointer: &str| {
        let field = pointer.split('/').nth(1).unwrap_or_default();
        match field {
            "events" => "event".to_owned(),
            "headers" => "header".to_owned(),
            field => field.replace('_', "-"),
        }
    };
    errors.first().map(|error| format!("--{}: {}", option(&error.pointer), error.detail)).unwrap_or_default()
}

fn set_enabled(config: &Config, id: i64, enabled: bool) -> Result<()> {
    let (none, patch) =
        (Preconditions::default(), UpdateWebhook { enabled: Some(enabled), ..UpdateWebhook::default() });
    let updated = open_existing(config)?
        .transaction(|conn| store::update(conn, id, &none, &patch, Timestamp::now()))?
        .map_err(|errors| describe(&errors))?;
    require(id, updated)?;
    confirm(&format!("{} webhook {id}", if enabled { "enabled" } else { "disabled" }))
}

fn replay(config: &Config, id: i64, StartArgs { cursor, since }: StartArgs) -> Result<()> {
    let start = cursor.or(since).ok_or("pass --cursor or --since")?;
    let replayed = open_existing(config)?.transaction(|conn| offline::replay(conn, id, start, Timestamp::now()))?;
    let expired = |_| "the log no longer contains all changes since this position; replay from a later time";
    let webhook = require(id, replayed.map_err(expired)?)?;
    let next = if webhook.enabled { "the service delivers" } else { "enable it to deliver" };
    confirm(&format!("moved webhook {id}; {next} the changes after its new position"))
}

fn require<T>(id: i64, change: Change<T>) -> Result<T> {
    match change {
        Change::Done(value) => Ok(value),
        _ => Err(format!("webhook {id} does not exist; run posts-api webhooks list").into()),
    }
}

fn list(webhooks: &[Webhook]) -> String {
    let rows = webhooks.iter().map(|webhook| {
        let disabled = || webhook.disabled_reason.clone().unwrap_or_else(|| "disabled".to_owned());
        [
            webhook.id.to_string(),
            if webhook.enabled { "enabled".to_owned() } else { disabled() },
            webhook.mode.as_str().to_owned(),
            or_dash(webhook.last_success_at),
            or_dash(webhook.failing_since),
            target::origin_of(&webhook.url),
            escape(&webhook.name).into_owned(),
        ]
    });
    table(["id", "state", "mode", "last_success_at", "failing_since", "receiver", "name"], rows)
}

fn cursor(text: &str) -> std::result::Result<ReplayStart, String> {
    ReplayStart::cursor(text).map_err(|invalid| invalid.detail.into_owned())
}

fn since(text: &str) -> std::result::Result<ReplayStart, String> {
    ReplayStart::since(text).map_err(|invalid| invalid.detail.into_owned())
}
