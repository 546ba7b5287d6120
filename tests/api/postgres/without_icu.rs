//! A PostgreSQL server that was built without ICU, such as Prisma's local one. The test removes the collations that
//! come from ICU, which such a server lacks.

use std::sync::Arc;

use posts_api::db::migrations;
use serde_json::json;

use crate::support::{Api, Engine, TestDatabase, ids};

/// The first version whose built-in provider has Unicode rules.
const BUILTIN_PROVIDER: i64 = 170_000;

fn database_without_icu() -> Option<TestDatabase> {
    let database = TestDatabase::create(Engine::Postgres)?;
    database.execute(
        "DO $$ DECLARE name text; BEGIN \
            FOR name IN SELECT collname FROM pg_collation WHERE collprovider = 'i' AND collname <> 'unicode' LOOP \
                EXECUTE format('DROP COLLATION pg_catalog.%I', name); \
            END LOOP; \
        END $$",
    );
    Some(database)
}

#[tokio::test]
async fn search_and_slugs_work_without_icu_since_postgres_17() {
    let Some(database) = database_without_icu() else { return };
    let version = database.query_number("SELECT current_setting('server_version_num')::bigint AS number");
    if version < BUILTIN_PROVIDER {
        let error = migrations::run(&mut database.connect(), &database.parsed()).unwrap_err().to_string();
        assert!(error.contains("und-x-icu") && error.contains("PostgreSQL 17"), "{error}");
        return;
    }
    let api = Api::start(&Arc::new(database), |_| ());
    for title in ["Straße nach Łódź", "Οδυσσεύς", "Война и мир", "東京タワー", "Room ٣", "Ⅷ chapters"]
    {
        api.create(json!({"title": title, "published": true})).await;
    }
    let found = async |q: &str| {
        let response = api
            .get(&format!("/api/posts?q={}", url::form_urlencoded::byte_serialize(q.as_bytes()).collect::<String>()));
        ids(&response.await.json(200))
    };
    for (q, expected) in [
        ("STRASSE", vec![]),
        ("STRAßE", vec![1]),
        ("łódź", vec![1]),
        ("ΟΔΥΣΣΕΎΣ", vec![2]),
        ("ВОЙНА", vec![3]),
        ("東京*", vec![4]),
        ("room", vec![5]),
        ("chapters", vec![6]),
    ] {
        assert_eq!(found(q).await, expected, "{q}");
    }
    // The difference to ICU: only ASCII digits belong to words, so a search for other digits finds nothing.
    assert_eq!(found("٣").await, [] as [i64; 0]);
}
