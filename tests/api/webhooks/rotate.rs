//! Rotation of secrets.

use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text};
use serde_json::{Value, json};

use super::{create, path, read};
use crate::support::{Api, on_both};

#[derive(QueryableByName)]
struct StoredSecrets {
    #[diesel(sql_type = Text)]
    secret: String,
    #[diesel(sql_type = Nullable<Text>)]
    previous_secret: Option<String>,
}

/// The stored secrets: the present one, and the previous one.
fn stored(api: &Api, webhook: &Value) -> (String, Option<String>) {
    let sql = format!("SELECT secret, previous_secret FROM webhooks WHERE id = {}", webhook["id"]);
    let [StoredSecrets { secret, previous_secret }] = api.server.database.rows(&sql).try_into().ok().unwrap();
    (secret, previous_secret)
}

#[on_both]
async fn the_previous_secret_stays_valid_for_a_day(api: Api) {
    let webhook = create(&api, json!({})).await;
    let secret = |value: &Value| value["secret"].as_str().unwrap().to_owned();
    let rotate = format!("{}/rotate", path(&webhook));
    assert_eq!(stored(&api, &webhook), (secret(&webhook), None));
    let now = jiff::Timestamp::now();
    let reply = api.admin().post_empty(&rotate).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let first = reply.json(200);
    let until: jiff::Timestamp = first["previous_valid_until"].as_str().unwrap().parse().unwrap();
    let day = (until.as_second() - now.as_second()) / 60;
    assert!((24 * 60..24 * 60 + 10).contains(&day), "{first}");
    assert_ne!(secret(&first), secret(&webhook));
    assert_eq!(stored(&api, &webhook), (secret(&first), Some(secret(&webhook))));
    // Only two secrets are valid at a time.
    let second = api.admin().post(&rotate, &json!({})).await.json(200);
    assert_eq!(stored(&api, &webhook), (secret(&second), Some(secret(&first))));
    let third = api.admin().post(&rotate, &json!({"expire_previous": true})).await.json(200);
    assert_eq!(third["previous_valid_until"], Value::Null);
    assert_eq!(stored(&api, &webhook), (secret(&third), None));
    let fourth = api.admin().post(&rotate, &json!({"expire_previous": false})).await.json(200);
    assert_eq!(stored(&api, &webhook), (secret(&fourth), Some(secret(&third))));
    assert_eq!(read(&api, &webhook).await["version"], 5);
    api.admin().post_empty("/api/webhooks/999/rotate").await.problem(404, "not_found");
}
