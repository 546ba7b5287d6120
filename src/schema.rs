// @generated automatically by Diesel CLI.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    api_keys (id) {
        id -> Int8,
        name -> Text,
        role -> Text,
        hash -> Bytea,
        created_at -> Timestamptz,
        created_by -> Nullable<Int8>,
        expires_at -> Nullable<Timestamptz>,
        last_used_on -> Nullable<Text>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    idempotency_keys (id) {
        id -> Int8,
        caller -> Int8,
        key -> Text,
        fingerprint -> Bytea,
        status -> Int4,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    post_aliases (slug) {
        slug -> Text,
        post_id -> Int8,
        published -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    post_changes (seq) {
        seq -> Int8,
        at -> Timestamptz,
        post_id -> Int8,
        kind -> Int2,
        version -> Int8,
        slug -> Text,
        old_slug -> Nullable<Text>,
        bulk -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    posts (id) {
        id -> Int8,
        slug -> Text,
        title -> Text,
        description -> Nullable<Text>,
        tags -> Text,
        authors -> Text,
        image -> Nullable<Text>,
        image_alt -> Nullable<Text>,
        metadata -> Text,
        excerpt -> Nullable<Text>,
        published -> Bool,
        published_at -> Nullable<Timestamptz>,
        scheduled_for -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        published_key -> Timestamptz,
        content -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    webhook_attempts (id) {
        id -> Int8,
        webhook_id -> Int8,
        event_id -> Text,
        event_type -> Text,
        at -> Timestamptz,
        duration_ms -> Int4,
        status -> Nullable<Int2>,
        error -> Nullable<Text>,
        attempt -> Int4,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::timestamp::Timestamptz;

    webhooks (id) {
        id -> Int8,
        name -> Text,
        url -> Text,
        mode -> Int2,
        events -> Text,
        headers -> Text,
        body -> Nullable<Text>,
        quiet -> Int4,
        max_wait -> Int4,
        enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_valid_until -> Nullable<Timestamptz>,
        position -> Int8,
        burst_end -> Nullable<Int8>,
        lease -> Nullable<Text>,
        leased_until -> Nullable<Timestamptz>,
        attempt -> Int4,
        next_attempt_at -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        last_success_at -> Nullable<Timestamptz>,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(webhook_attempts -> webhooks (webhook_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys, idempotency_keys, post_aliases, post_changes, posts, webhook_attempts, webhooks,
);
