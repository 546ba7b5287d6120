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
