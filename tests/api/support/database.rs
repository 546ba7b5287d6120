//! A database for each test, gone with it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel::{RunQueryDsl, sql_query};
use posts_api::db::{Backend, Connection, DatabaseUrl, migrations};
use posts_api::transfer;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::Cluster;
use super::postgres;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Sqlite => Self::Postgres,
            Self::Postgres => Self::Sqlite,
        }
    }
}

/// An empty database until [`TestDatabase::migrate`].
pub(crate) struct TestDatabase {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    place: Place,
}

enum Place {
    /// Removed when dropped.
    Directory(#[expect(dead_code, reason = "its drop is what counts")] TempDir),
    /// The database's name.
    Server(String),
    Elsewhere,
    /// Gone with the cluster.
    Cluster,
}

impl TestDatabase {
    /// `None`: there is no such server on this machine.
    pub(crate) fn create(kind: Kind) -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        match kind {
            Kind::Sqlite => {
                let directory = TempDir::with_prefix("posts-api-test-").unwrap();
                let url = format!("sqlite://{}", directory.path().join("posts.db").display());
                Some(Self { kind, url, place: Place::Directory(directory) })
            }
            Kind::Postgres => {
                let server = postgres::server()?;
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                let name = format!("posts_api_test_{}_{count}", std::process::id());
                execute(&mut server.connect(), &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
                Some(Self { kind, url: server.url(&name).into(), place: Place::Server(name) })
            }
        }
    }

    /// A SQLite file that is there, and stays.
    pub(crate) fn at(path: &Path) -> Self {
        Self { kind: Kind::Sqlite, url: format!("sqlite://{}", path.display()), place: Place::Elsewhere }
    }

    /// The one database of a cluster that the test owns.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        Self { kind: Kind::Postgres, url: cluster.url.to_string(), place: Place::Cluster }
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

    /// Stores posts as the program's import does: with the ids and times that they name.
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

    /// What a query answers as `number`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        self.rows::<Row>(sql)[0].number
    }

    /// Takes the database away while others use it. PostgreSQL only.
    pub(crate) fn destroy(&self) {
        let Place::Server(name) = &self.place else { return };
        let Some(server) = postgres::server() else { return };
        execute(&mut server.connect(), &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.destroy();
    }
}

pub(crate) fn execute(conn: &mut Connection, sql: &str) {
    match &mut conn.backend {
        Backend::Postgres(conn) => sql_query(sql).execute(conn),
        Backend::Sqlite(conn) => sql_query(sql).execute(conn),
    }
    .unwrap();
}
