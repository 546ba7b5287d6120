//! The URL forms and parameters of libpq, on a real server.

use std::path::Path;

use url::Url;

use crate::operations::doctor::{assert_check, run_doctor};
use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase};

/// A database, the parts of its URL, and the directory of the server's socket.
struct Parts {
    database: TestDatabase,
    user: String,
    port: u16,
    name: String,
    directory: Option<String>,
}

impl Parts {
    /// Returns `None` without PostgreSQL, or if the server is not a local one that trusts its clients.
    fn create() -> Option<Self> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            text: String,
        }
        let database = TestDatabase::create(Engine::Postgres)?;
        let url = Url::parse(&database.url).unwrap();
        if url.host_str() != Some("127.0.0.1") || url.password().is_some() {
            return None;
        }
        let rows = database.rows::<Row>("SELECT current_setting('unix_socket_directories') AS text");
        let directory = rows[0].text.clone();
        Some(Self {
            user: url.username().to_owned(),
            port: url.port().unwrap_or(5432),
            name: url.path().trim_start_matches('/').to_owned(),
            directory: Path::new(&directory).is_dir().then_some(directory),
            database,
        })
    }
}

/// Runs `doctor` with these settings and returns its checks.
fn doctor(settings: &[(&str, &str)]) -> crate::operations::doctor::Checks {
    run_doctor(&Sandbox::new(settings.iter().copied()))
}

#[test]
fn url_forms_of_psql_connect() {
    let Some(Parts { database, user, port, name, directory }) = Parts::create() else { return };
    database.migrate();
    let mut urls = vec![
        format!("postgresql://{user}@127.0.0.1:{port}/{name}"),
        format!("postgres://127.0.0.1:{port}/{name}?user={user}"),
        format!("postgres://nobody@192.0.2.1/none?host=127.0.0.1&port={port}&user={user}&dbname={name}"),
        format!("postgres://{user}@db.invalid:{port}/{name}?hostaddr=127.0.0.1"),
        // No server listens on the discard port.
        format!("postgres://{user}@127.0.0.1:9,127.0.0.1:{port}/{name}?target_session_attrs=read-write"),
        format!("postgres://{user}@127.0.0.1:9,[::1]:9,127.0.0.1:{port}/{name}?load_balance_hosts=random"),
        format!("postgres://{user}@127.0.0.1:{port}/{name}?gssencmode=disable&channel_binding=disable&sslsni=0"),
        format!(
            "postgres://{user}@127.0.0.1:{port}/{name}?require_auth=none&options=-c%20geqo%3Doff\
             &ssl_min_protocol_version=TLSv1.2"
        ),
    ];
    if let Some(directory) = directory {
        let encoded = directory.replace('/', "%2F");
        urls.push(format!("postgres:///{name}?host={directory}&port={port}&user={user}"));
        urls.push(format!("postgres://{user}@{encoded}:{port}/{name}"));
        urls.push(format!("postgres://{user}@127.0.0.1:9,{encoded}:{port}/{name}"));
    }
    for url in &urls {
        let checks = doctor(&[("DATABASE_URL", url)]);
        assert_check(&checks, "database", "ok", "connected to postgres://");
        assert_check(&checks, "schema", "ok", "applied");
    }
}

#[test]
fn libpq_reads_its_defaults_from_the_environment() {
    let Some(Parts { database, user, port, name, .. }) = Parts::create() else { return };
    database.migrate();
    let port = port.to_string();
    let settings = [("PGHOST", "127.0.0.1"), ("PGPORT", &port), ("PGUSER", &user), ("PGDATABASE", &name)];
    let checks = doctor(&[&settings[..], &[("DATABASE_URL", "postgres://")]].concat());
    assert_check(&checks, "schema", "ok", "applied");

    let sandbox = Sandbox::new([("DATABASE_URL", "postgres:///?service=posts"), ("PGSERVICEFILE", "services")]);
    sandbox.write("services", &format!("[posts]\nhost=127.0.0.1\nport={port}\nuser={user}\ndbname={name}\n"));
    assert_check(&run_doctor(&sandbox), "schema", "ok", "applied");
}

#[test]
fn security_parameters_reach_libpq() {
    let Some(Parts { user, port, name, database: _database, .. }) = Parts::create() else { return };
    for (parameter, message) in [
        ("channel_binding=require", "channel binding"),
        ("require_auth=scram-sha-256", "authentication"),
        ("gssencmode=require", "GSSAPI"),
        ("sslmode=require", "SSL"),
        ("target_session_attrs=standby", "standby"),
        ("ssl_min_protocol_version=x", "ssl_min_protocol_version"),
    ] {
        let checks =
            doctor(&[("DATABASE_URL", &format!("postgres://{user}:hush@127.0.0.1:{port}/{name}?{parameter}"))]);
        assert_check(&checks, "database", "ERROR", message);
        assert!(!format!("{checks:?}").contains("hush"), "{checks:?}");
    }
}
