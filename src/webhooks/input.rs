//! The bodies that create and update webhooks: their schemas, and how they are parsed and validated.

use utoipa::ToSchema;

use crate::keys::model::CreateApiKey;
use crate::posts::changes::query::ChangeType;
use crate::posts::json_column::JsonText;
use crate::validation::{FieldError, Fields, Input, Invalid};
use crate::webhooks::credential::Credential;
use crate::webhooks::fields::HeaderPatch;
use crate::webhooks::mode::WebhookMode;
use crate::webhooks::model::WebhookConfig;
use crate::webhooks::send::target;
use crate::webhooks::send::target::{MAX_URL_LENGTH, UrlProblem};
use crate::webhooks::{fields, schemas};

const DEFAULT_QUIET: i32 = 10;
const MAX_QUIET: i64 = 3600;
const DEFAULT_MAX_WAIT: i32 = 120;
const MAX_MAX_WAIT: i64 = 86_400;

/// Declares [`CreateWebhook`] and [`UpdateWebhook`], which have the same fields. Only the URL of a new webhook is
/// required.
macro_rules! webhook_types {
    ($($(#[$attribute:meta])* $field:ident: $type:ty,)*) => {
        /// A webhook to create.
        #[derive(Debug, Clone, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(example = json!({"url": "https://hooks.example/posts", "mode": "burst"}))]
        pub struct CreateWebhook {
            /// The URL that requests are sent to: an `https:` URL of a public address. `http:` and other addresses are
            /// only allowed in the networks that the operator has listed in `WEBHOOK_NETWORKS`.
            #[schema(
                value_type = String, example = "https://hooks.example/posts", max_length = 2048
            )]
            pub url: Credential,
            $($(#[$attribute])* pub $field: $type,)*
        }

        /// A JSON Merge Patch (RFC 7396) of a webhook. Omitted fields keep their values, and null restores the default
        /// of `name`, `events`, `headers`, or `body`. The other fields cannot be null.
        #[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(example = json!({"enabled": true}))]
        pub struct UpdateWebhook {
            /// The URL that requests are sent to. A failed request is repeated at once. If the scheme, host, or port
            /// change, `headers` replaces all stored headers, and is required if there are any.
            #[schema(
                value_type = String, required = false, nullable = false, max_length = 2048,
                example = "https://hooks.example/posts"
            )]
            pub url: Option<Credential>,
            $($(#[$attribute])* pub $field: $type,)*
        }

        impl CreateWebhook {
            fn into_update(self) -> UpdateWebhook {
                UpdateWebhook { url: Some(self.url), $($field: self.$field,)* }
            }
        }
    };
}

webhook_types! {
    /// A name for people: 1 to 100 characters. If omitted or null, the host of the URL.
    #[schema(
        required = false, value_type = Option<String>, example = "Rebuild the site", min_length = 1, max_length = 100
    )]
    name: Option<Option<String>>,
    #[schema(schema_with = schemas::mode_input, required = false)]
    mode: Option<WebhookMode>,
    #[schema(schema_with = schemas::events_input, required = false)]
    events: Option<JsonText>,
    #[schema(schema_with = schemas::headers_input, required = false)]
    headers: Option<HeaderPatch>,
    #[schema(schema_with = schemas::body_input, required = false)]
    body: Option<Option<JsonText>>,
    /// With `burst`: a request is sent this many seconds after the last change. 10 for a new webhook.
    #[schema(required = false, nullable = false, example = 10, minimum = 1, maximum = 3600)]
    quiet: Option<i32>,
    /// With `burst`: a request is sent at most this many seconds after the first change. At least `quiet`. The larger
    /// of 120 and `quiet` for a new webhook.
    #[schema(required = false, nullable = false, example = 120, minimum = 1, maximum = 86400)]
    max_wait: Option<i32>,
    /// Whether changes are delivered. A webhook that is enabled again continues at its position. True also repeats a
    /// failed request at once.
    #[schema(required = false, nullable = false, example = true)]
    enabled: Option<bool>,
}

impl Input for UpdateWebhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let all_events = || JsonText::of(&ChangeType::ALL);
        Some(Self {
            url: fields.optional("url", url),
            name: fields.nullable("name", CreateApiKey::name),
            mode: fields.optional("mode", |mode: String| mode.parse()),
            events: fields.nullable_tree("events", fields::events).map(|events| events.unwrap_or_else(all_events)),
            headers: fields
                .nullable_tree("headers", HeaderPatch::parse)
                .map(|headers| headers.unwrap_or(HeaderPatch::Clear)),
            body: fields.nullable_tree("body", fields::body),
            quiet: fields.optional("quiet", |seconds| in_range(seconds, MAX_QUIET)),
            max_wait: fields.optional("max_wait", |seconds| in_range(seconds, MAX_MAX_WAIT)),
            enabled: fields.optional("enabled", Ok),
        })
    }
}

impl Input for CreateWebhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let url = fields.required("url", url);
        let UpdateWebhook { url: _, name, mode, events, headers, body, quiet, max_wait, enabled } =
            UpdateWebhook::read(fields)?;
        let create = Self { url: url?, name, mode, events, headers, body, quiet, max_wait, enabled };
        // A change that is invalid only in combination is reported together with the other errors.
        for FieldError { pointer, code, detail } in create.clone().into_config().err().unwrap_or_default() {
            fields.push_error(&pointer, Invalid { code, detail });
        }
        Some(create)
    }
}

impl CreateWebhook {
    /// The settings of the new webhook.
    ///
    /// # Errors
    /// Two fields contradict each other. [`Input::read`] has ruled this out.
    pub fn into_config(self) -> Result<WebhookConfig, Vec<FieldError>> {
        let max_wait = self.max_wait.or(self.quiet.map(|quiet| quiet.max(DEFAULT_MAX_WAIT)));
        let mut config = WebhookConfig {
            name: default_name(&self.url),
            url: self.url.clone(),
            mode: WebhookMode::Each,
            events: JsonText::of(&ChangeType::ALL),
            headers: Credential::new("{}".to_owned()),
            body: None,
            quiet: DEFAULT_QUIET,
            max_wait: DEFAULT_MAX_WAIT,
            enabled: true,
        };
        UpdateWebhook { max_wait, ..self.into_update() }.apply(&mut config)?;
        Ok(config)
    }
}

impl UpdateWebhook {
    /// Applies the patch.
    ///
    /// # Errors
    /// The result would exceed a limit, or two of its fields contradict each other.
    pub fn apply(&self, config: &mut WebhookConfig) -> Result<(), Vec<FieldError>> {
        let moves = self.url.as_ref().is_some_and(|url| origin(url) != origin(&config.url));
        if let Some(url) = &self.url {
            config.url = url.clone();
        }
        if let Some(name) = &self.name {
            config.name = name.clone().unwrap_or_else(|| default_name(&config.url));
        }
        set(&mut config.mode, self.mode);
        set(&mut config.events, self.events.clone());
        set(&mut config.body, self.body.clone());
        set(&mut config.quiet, self.quiet);
        set(&mut config.max_wait, self.max_wait);
        set(&mut config.enabled, self.enabled);
        let mut errors = self.check(config);
        match self.apply_headers(config, moves) {
            Ok(headers) => config.headers = headers,
            Err(invalid) => errors.push(invalid.at("/headers")),
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The headers after the change. Their values are credentials for one receiver, and no client can read them. If the
    /// webhook `moves` to another receiver, only the headers in this patch are sent there.
    fn apply_headers(&self, config: &WebhookConfig, moves: bool) -> Result<Credential, Invalid> {
        match &self.headers {
            Some(headers) if moves => headers.apply(&Credential::new("{}".to_owned())),
            Some(headers) => headers.apply(&config.headers),
            None if moves && !config.headers().is_empty() => Err(Invalid::new(
                "required",
                "must contain all headers for the new receiver, or be null, if scheme, host, or port of the url change",
            )),
            None => Ok(config.headers.clone()),
        }
    }

    /// Checks the fields that depend on each other. An error points to a field of the request.
    fn check(&self, config: &WebhookConfig) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if config.max_wait < config.quiet {
            errors.push(match self.max_wait {
                Some(_) => Invalid::new("range", "must be at least quiet").at("/max_wait"),
                None => Invalid::new("range", format!("must be at most max_wait: {}", config.max_wait)).at("/quiet"),
            });
        }
        if config.body.is_some() && config.mode == WebhookMode::Each {
            errors.push(match self.body {
                Some(_) => Invalid::new("not_allowed", "must be null unless the mode is burst").at("/body"),
                None => Invalid::new("not_allowed", "must be burst unless the body is null").at("/mode"),
            });
        }
        errors
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Parses a URL. Whether its addresses are allowed is checked later: this depends on the settings and on DNS.
fn url(text: String) -> Result<Credential, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("empty", "must not be empty"));
    }
    if text.len() > MAX_URL_LENGTH {
        return Err(Invalid::new("too_long", format!("must be at most {MAX_URL_LENGTH} bytes")));
    }
    let target = target::parse(&text).map_err(invalid_url)?;
    Ok(Credential::new(target.url().as_str().to_owned()))
}

/// The error of a URL that no request can be sent to.
#[must_use]
pub fn invalid_url(problem: UrlProblem) -> Invalid {
    let code = if problem == UrlProblem::Syntax { "format" } else { "not_allowed" };
    Invalid { code, detail: problem.to_string().into() }
}

/// The scheme, host, and port of a URL; `None` if it is invalid.
fn origin(url: &Credential) -> Option<url::Origin> {
    url::Url::parse(url.reveal()).ok().map(|url| url.origin())
}

/// The default name of a webhook: the host of its URL.
fn default_name(url: &Credential) -> String {
    const MAX: usize = 100;
    let url = url::Url::parse(url.reveal()).ok();
    url.as_ref().and_then(url::Url::host_str).unwrap_or_default().chars().take(MAX).collect()
}

fn in_range(seconds: i64, max: i64) -> Result<i32, Invalid> {
    i32::try_from(seconds)
        .ok()
        .filter(|_| (1..=max).contains(&seconds))
        .ok_or(Invalid::new("range", format!("must be between 1 and {max}")))
}
