//! The service's tables, listed once for the privilege check, the id sequences, and the export of last ids.

/// A table that the migrations create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Posts,
    ApiKeys,
    IdempotencyKeys,
    PostAliases,
    PostLabels,
    PostChanges,
    Webhooks,
    WebhookAttempts,
}

impl Table {
    pub const ALL: [Self; 8] = [
        Self::Posts,
        Self::ApiKeys,
        Self::IdempotencyKeys,
        Self::PostAliases,
        Self::PostLabels,
        Self::PostChanges,
        Self::Webhooks,
        Self::WebhookAttempts,
    ];

    /// The name in SQL, without a schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::ApiKeys => "api_keys",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::PostAliases => "post_aliases",
            Self::PostLabels => "post_labels",
            Self::PostChanges => "post_changes",
            Self::Webhooks => "webhooks",
            Self::WebhookAttempts => "webhook_attempts",
        }
    }
}
