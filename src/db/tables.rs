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
}

impl Table {
    pub const ALL: [Self; 6] =
        [Self::Posts, Self::ApiKeys, Self::IdempotencyKeys, Self::PostAliases, Self::PostLabels, Self::PostChanges];

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
        }
    }
}
