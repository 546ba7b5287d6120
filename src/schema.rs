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

diesel::allow_tables_to_appear_in_same_query!(api_keys, idempotency_keys, post_aliases, post_changes, posts,);
