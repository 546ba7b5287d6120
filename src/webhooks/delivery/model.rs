//! [`Delivery`]: the fields of a webhook that deliveries need.

use diesel::prelude::*;

use crate::db::Timestamp;
use crate::posts::changes::outbox::LogMark;
use crate::posts::changes::query::ChangeType;
use crate::schema::webhooks;
use crate::webhooks::credential::Credential;
use crate::webhooks::mode::WebhookMode;
use crate::webhooks::model::WebhookConfig;

/// A webhook and the state of its deliveries.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    #[diesel(embed)]
    pub(crate) config: WebhookConfig,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) secret: Credential,
    pub(crate) previous_secret: Option<Credential>,
    pub(crate) previous_valid_until: Option<Timestamp>,
    pub(crate) position: i64,
    pub(crate) burst_end: Option<i64>,
    pub(crate) leased_until: Option<Timestamp>,
    pub(crate) attempt: i32,
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) version: i64,
    /// When a client has last changed the webhook, for example by a replay.
    pub(crate) updated_at: Timestamp,
}

impl Delivery {
    pub(crate) fn is_burst(&self) -> bool {
        self.config.mode == WebhookMode::Burst
    }

    /// Whether the outcome of a request of `sent` applies to this webhook, which a client may have changed meanwhile:
    /// the next request would still be the same.
    pub(crate) fn repeats(&self, sent: &Self) -> bool {
        let (now, then) = (&self.config, &sent.config);
        now.enabled
            && now.url == then.url
            && now.headers == then.headers
            && now.mode == then.mode
            && now.events == then.events
            && now.body == then.body
            && self.secret == sent.secret
    }

    /// The secrets that sign a request at this time.
    pub(crate) fn secrets(&self, now: Timestamp) -> Vec<String> {
        let is_valid = self.previous_valid_until.is_some_and(|until| now < until);
        let previous = self.previous_secret.iter().filter(|_| is_valid);
        std::iter::once(&self.secret).chain(previous).map(|secret| secret.reveal().to_owned()).collect()
    }

    pub(crate) fn filter(&self) -> EventFilter {
        EventFilter { types: self.config.events(), includes_imports: self.is_burst() }
    }
}

/// The rows of the log that a webhook announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventFilter {
    pub(crate) types: Vec<ChangeType>,
    /// The changes of an import are announced as a burst only, not one by one.
    includes_imports: bool,
}

impl EventFilter {
    pub(crate) fn accepts(&self, mark: &LogMark) -> bool {
        mark.change.is_some_and(|change| self.types.contains(&change)) && (self.includes_imports || !mark.bulk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posts::json_column::JsonText;

    fn text(text: &str) -> Credential {
        Credential::new(text.to_owned())
    }

    fn delivery() -> Delivery {
        let config = WebhookConfig {
            name: "test".to_owned(),
            url: text("https://8.8.8.8/"),
            mode: WebhookMode::Each,
            events: JsonText::of(&ChangeType::ALL),
            headers: text("{}"),
            body: None,
            quiet: 10,
            max_wait: 120,
            enabled: true,
        };
        Delivery {
            id: 1,
            config,
            disabled_reason: None,
            secret: text("whsec_AAAA"),
            previous_secret: None,
            previous_valid_until: None,
            position: 1,
            burst_end: None,
            leased_until: None,
            attempt: 0,
            next_attempt_at: None,
            failing_since: None,
            version: 1,
            updated_at: Timestamp::now(),
        }
    }

    /// Otherwise, the failure of another request would count, or a failing webhook would never be disabled.
    #[test]
    fn only_changes_of_the_request_end_its_repetition() {
        type Change = fn(&mut Delivery);
        let changes: [(&str, bool, Change); 11] = [
            ("url", false, |changed| changed.config.url = text("https://8.8.8.8/b")),
            ("headers", false, |changed| changed.config.headers = text(r#"{"A":"b"}"#)),
            ("secret", false, |changed| changed.secret = text("whsec_BBBB")),
            ("mode", false, |changed| changed.config.mode = WebhookMode::Burst),
            ("events", false, |changed| changed.config.events = JsonText::of(&["post.deleted"])),
            ("body", false, |changed| changed.config.body = Some(JsonText::of(&"a"))),
            ("enabled", false, |changed| changed.config.enabled = false),
            ("name", true, |changed| changed.config.name = "other".to_owned()),
            ("quiet", true, |changed| changed.config.quiet = 20),
            ("max_wait", true, |changed| changed.config.max_wait = 240),
            ("version", true, |changed| changed.version = 2),
        ];
        for (field, repeats, change) in changes {
            let (sent, mut now) = (delivery(), delivery());
            change(&mut now);
            assert_eq!(now.repeats(&sent), repeats, "{field}");
        }
    }
}
