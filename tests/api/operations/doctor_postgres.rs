//! What `doctor` checks on PostgreSQL.

use crate::operations::doctor::{assert_check, run_doctor};
use crate::support::cluster::Cluster;
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, wait_until};

#[test]
fn unreachable_server_is_reported_without_the_password() {
    const SECRET: &str = "s3cret-of-the-tests";
    let url = format!("postgres://user:{SECRET}@127.0.0.1:9/db");
    let checks = run_doctor(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    assert_check(&checks, "database", "ERROR", "check that the server is running");
    assert!(!format!("{checks:?}").contains(SECRET));
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let mut url = url::Url::parse(&database.url).unwrap();
    // The test cluster asks this role for a password, and accepts none.
    url.set_username("guarded").unwrap();
    url.set_password(Some(SECRET)).unwrap();
    let checks = run_doctor(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    assert!(!format!("{checks:?}").contains(SECRET));
    assert_check(&checks, "database", "ERROR", "check user and password");
    url.set_username("postgres").unwrap();
    url.set_path("there_is_none");
    let checks = run_doctor(&Sandbox::new([("DATABASE_URL", url.as_str())]));
    assert_check(&checks, "database", "ERROR", "create it, or correct its name");
}

/// A role that is dropped with this.
struct TestRole<'a> {
    database: &'a TestDatabase,
    name: String,
}

impl<'a> TestRole<'a> {
    fn create(database: &'a TestDatabase) -> Self {
        let name = format!("{}_role", database.name());
        database.execute(&format!("CREATE ROLE {name} LOGIN"));
        Self { database, name }
    }

    fn url(&self) -> String {
        let mut url = url::Url::parse(&self.database.url).unwrap();
        url.set_username(&self.name).unwrap();
        url.into()
    }
}

impl Drop for TestRole<'_> {
    fn drop(&mut self) {
        self.database.execute(&format!("DROP OWNED BY {0}", self.name));
        self.database.execute(&format!("DROP ROLE {0}", self.name));
    }
}

#[test]
fn missing_privileges_are_named() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let role = TestRole::create(&database);
    let sandbox = Sandbox::new([("DATABASE_URL", role.url().as_str())]);
    assert_check(&run_doctor(&sandbox), "schema", "ERROR", "as a user that can create tables");
    database.migrate();
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", role.name));
    database.execute(&format!(
        "GRANT INSERT, UPDATE, DELETE ON posts, post_aliases, post_labels, post_changes, api_keys, webhooks,
         webhook_attempts TO {}",
        role.name
    ));
    let checks = run_doctor(&sandbox);
    assert_check(
        &checks,
        "privileges",
        "ERROR",
        "the user lacks DELETE on idempotency_keys, INSERT on idempotency_keys, UPDATE on idempotency_keys; grant",
    );
    assert_check(&checks, "schema", "ok", "");
    database.execute(&format!("GRANT INSERT, UPDATE, DELETE ON idempotency_keys TO {}", role.name));
    for privilege in ["UPDATE", "SELECT"] {
        assert_check(&run_doctor(&sandbox), "privileges", "warning", "SELECT and UPDATE on the sequences");
        database.execute(&format!("GRANT {privilege} ON ALL SEQUENCES IN SCHEMA public TO {}", role.name));
    }
    assert_check(&run_doctor(&sandbox), "privileges", "ok", "");
}

#[test]
fn unsuitable_server_settings_are_reported() {
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    database.migrate();
    let mut sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    sandbox.set("DB_POOL_SIZE", "1000");
    assert_check(&run_doctor(&sandbox), "connections", "ERROR", "lower DB_POOL_SIZE");
    let name = url::Url::parse(&database.url).unwrap().path().trim_start_matches('/').to_owned();
    // A wrong clock, in a schema that the search path lists before pg_catalog.
    database.execute(
        "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
         $$ SELECT pg_catalog.clock_timestamp() - interval '90 seconds' $$",
    );
    database.execute(&format!("ALTER DATABASE {name} SET search_path = public, pg_catalog"));
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "server", "ERROR", "is read-only");
    assert_check(&checks, "clock", "ERROR", "s ahead of the database's");
}

#[tokio::test]
async fn replica_and_direct_url_are_reported() {
    let Some(primary) = Cluster::durable() else { return };
    let standby = primary.standby();
    let database = TestDatabase::of(&primary);
    database.migrate();
    let mut sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    sandbox.set("DATABASE_READ_URL", standby.url.as_str());
    sandbox.set("DATABASE_DIRECT_URL", &database.url);
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "replica", "ok", "is a standby of the primary");
    assert_check(&checks, "direct", "ok", "is the same database");

    sandbox.set("MAX_REPLICA_LAG", "1");
    standby.set_replay(false);
    database.execute("INSERT INTO posts (title) VALUES ('Not replayed')");
    let has_state = |state: &str| run_doctor(&sandbox)["replica"].0 == state;
    wait_until("the replica to be too far behind", async || has_state("warning")).await;
    assert_check(&run_doctor(&sandbox), "replica", "warning", "s behind, but MAX_REPLICA_LAG allows 1");
    standby.set_replay(true);
    wait_until("the replica to catch up", async || has_state("ok")).await;

    sandbox.set("DATABASE_READ_URL", &database.url);
    assert_check(&run_doctor(&sandbox), "replica", "warning", "not a standby");
    for name in ["DATABASE_READ_URL", "DATABASE_DIRECT_URL"] {
        sandbox.set(name, "postgres://u:s3cret@127.0.0.1:9/x");
    }
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "replica", "warning", "host and port in DATABASE_READ_URL");
    assert_check(&checks, "direct", "ERROR", "host and port in DATABASE_DIRECT_URL");
    assert!(!format!("{checks:?}").contains("s3cret"));
    let mut plain = primary.url.clone();
    plain.set_query(Some("sslmode=require"));
    for name in ["DATABASE_READ_URL", "DATABASE_DIRECT_URL"] {
        sandbox.set(name, plain.as_str());
    }
    let checks = run_doctor(&sandbox);
    assert_check(&checks, "replica", "warning", "check sslmode and sslrootcert in DATABASE_READ_URL");
    assert_check(&checks, "direct", "ERROR", "check sslmode and sslrootcert in DATABASE_DIRECT_URL");
    let Some(other) = TestDatabase::create(Engine::Postgres) else { return };
    sandbox.set("DATABASE_DIRECT_URL", &other.url);
    assert_check(&run_doctor(&sandbox), "direct", "ERROR", "a different database than DATABASE_URL");
}
