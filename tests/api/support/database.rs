//! One database per test, dropped with its [`TestDatabase`].

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, sql_query};
use posts_api::db::{Backend, Connection, Database, DatabaseUrl, migrations};
use posts_api::transfer;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::Cluster;
use super::{postgres, wait_until};

/// A database engine that the service supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Sqlite => Self::Postgres,
            Self::Postgres => Self::Sqlite,
        }
    }
}

/// A database without tables until [`TestDatabase::migrate`] runs.
pub(crate) struct TestDatabase {
    pub(crate) engine: Engine,
    pub(crate) url: String,
    storage: Storage,
}

/// Where the data is, and so what a drop removes.
enum Storage {
    /// A SQLite file in this directory, which its drop removes.
    Directory(#[expect(dead_code, reason = "held for its drop")] TempDir),
    /// A database with this name on the shared server.
    Server(String),
    /// A database that the test keeps.
    Borrowed,
    /// The database of a cluster, which the cluster removes.
    Cluster,
}

impl TestDatabase {
    /// Returns `None` if this machine has no PostgreSQL and `REQUIRE_POSTGRES` is not set.
    pub(crate) fn create(engine: Engine) -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        match engine {
            Engine::Sqlite => {
                let directory = TempDir::with_prefix("posts-api-test-").unwrap();
                let url = format!("sqlite://{}", directory.path().join("posts.db").display());
                Some(Self { engine, url, storage: Storage::Directory(directory) })
            }
            Engine::Postgres => {
                let server = postgres::server()?;
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                let name = format!("posts_api_test_{}_{count}", std::process::id());
                execute(&mut server.connect(), &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
                Some(Self { engine, url: server.url(&name).into(), storage: Storage::Server(name) })
            }
        }
    }

    /// An existing SQLite file, which a drop does not remove.
    pub(crate) fn at(path: &Path) -> Self {
        Self { engine: Engine::Sqlite, url: format!("sqlite://{}", path.display()), storage: Storage::Borrowed }
    }

    /// The default database of a cluster.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        Self { engine: Engine::Postgres, url: cluster.url.to_string(), storage: Storage::Cluster }
    }

    /// An existing PostgreSQL database, which a drop does not remove.
    pub(crate) fn at_server(url: &str) -> Self {
        Self { engine: Engine::Postgres, url: url.to_owned(), storage: Storage::Borrowed }
    }

    /// The name of a database on the shared server, which makes the names of roles unique: all databases share them.
    pub(crate) fn name(&self) -> &str {
        let Storage::Server(name) = &self.storage else { panic!("not a database of the shared server") };
        name
    }

    pub(crate) fn parsed(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).unwrap().0
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&self.parsed()).unwrap()
    }

    pub(crate) fn migrate(&self) {
        migrations::run(&mut self.connect(), &self.parsed()).unwrap();
    }

    /// Stores posts with the `import` command's code, which keeps their ids and times.
    #[track_caller]
    pub(crate) fn import(&self, posts: &[Value]) {
        let lines: String = posts.iter().flat_map(|post| [post.to_string(), "\n".to_owned()]).collect();
        let report =
            transfer::import(&mut self.connect(), lines.as_bytes(), posts_api::transfer::Options::default(), |_| {})
                .unwrap();
        assert_eq!(report.imported, posts.len() as u64);
    }

    pub(crate) fn execute(&self, sql: &str) {
        execute(&mut self.connect(), sql);
    }

    pub(crate) fn rows<T: QueryableByName<Pg> + QueryableByName<Sqlite> + 'static>(&self, sql: &str) -> Vec<T> {
        match &mut self.connect().backend {
            Backend::Postgres(conn) => sql_query(sql).load(conn),
            Backend::Sqlite(conn) => sql_query(sql).load(conn),
        }
        .unwrap()
    }

    /// The column `number` of a query's first row.
    pub(crate) fn query_number(&self, sql: &str) -> i64 {
        query_number(&mut self.connect(), sql)
    }

    /// Waits until PostgreSQL has ended the sessions of killed processes: it may still run the statements that it had
    /// received. Does nothing on SQLite.
    pub(crate) async fn wait_for_other_sessions_to_end(&self) {
        if self.engine == Engine::Postgres {
            let sessions = "SELECT count(*) AS number FROM pg_stat_activity \
                            WHERE datname = current_database() AND pid <> pg_backend_pid()";
            wait_until("the other sessions to end", async || self.query_number(sessions) == 0).await;
        }
    }

    /// Drops the database and ends its connections. Does nothing on SQLite.
    pub(crate) fn destroy(&self) {
        let Storage::Server(name) = &self.storage else { return };
        let Some(server) = postgres::server() else { return };
        execute(&mut server.connect(), &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.destroy();
    }
}

/// The column `number` of a query's first row.
pub(crate) fn query_number(conn: &mut Connection, sql: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let row: Row = match &mut conn.backend {
        Backend::Postgres(conn) => sql_query(sql).get_result(conn),
        Backend::Sqlite(conn) => sql_query(sql).get_result(conn),
    }
    .unwrap();
    row.number
}

pub(crate) fn execute(conn: &mut Connection, sql: &str) {
    try_execute(conn, sql).unwrap();
}

pub(crate) fn try_execute(conn: &mut Connection, sql: &str) -> QueryResult<()> {
    match &mut conn.backend {
        Backend::Postgres(conn) => sql_query(sql).execute(conn),
        Backend::Sqlite(conn) => sql_query(sql).execute(conn),
    }
    .map(drop)
}

/// The number of commits by the writer of SQLite; `None` on PostgreSQL.
pub(crate) fn commits(connections: &Database) -> Option<u64> {
    connections.writer_stats().map(|stats| stats.batch_sizes.count)
}

/// The number of writes that wait for the writer of SQLite; `None` on PostgreSQL.
pub(crate) fn queued_writes(connections: &Database) -> Option<u64> {
    connections.pool_stats().into_iter().find(|pool| pool.name == "write").map(|pool| pool.waiting)
}
