//! TLS to PostgreSQL. The server's certificate is signed by an authority that these tests generate.

use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::prelude::*;
use diesel::sql_types::Bool;
use posts_api::db::{Backend, Connection, DatabaseUrl};
use tempfile::TempDir;
use url::Url;

use crate::support::program::Sandbox;
use crate::support::{Engine, TestDatabase, postgres};

const PASSWORD: &str = "the-password-of-the-tests";

/// A directory with two certificate authorities, and a certificate for `localhost` that the first one signed.
struct Certificates(TempDir);

impl Certificates {
    /// Returns `None` if `openssl` is not installed.
    fn generate() -> Option<Self> {
        let certificates = Self(TempDir::with_prefix("posts-api-test-").unwrap());
        if Command::new("openssl").arg("version").output().is_err() {
            assert!(!postgres::is_required(), "REQUIRE_POSTGRES is set, but openssl is not installed");
            crate::support::report_skipped("TLS to PostgreSQL, because openssl is not installed");
            return None;
        }
        for authority in ["ca", "stranger"] {
            certificates.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={authority} \
                 -addext basicConstraints=critical,CA:TRUE -keyout {authority}.key -out {authority}.crt"
            ));
        }
        certificates.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key \
             -out server.csr",
        );
        std::fs::write(certificates.path("san"), "subjectAltName=DNS:localhost\n").unwrap();
        certificates.openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt",
        );
        Some(certificates)
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A URL with this host name and these parameters. `CA` and `STRANGER` stand for the certificate files of the two
/// authorities.
fn url(server: &Url, host: &str, parameters: &str, certificates: &Certificates) -> String {
    let mut url = server.clone();
    url.set_host(Some(host)).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    let file = |name| certificates.path(name).display().to_string();
    url.set_query(Some(&parameters.replace("STRANGER", &file("stranger.crt")).replace("CA", &file("ca.crt"))));
    url.into()
}

/// Whether a connection to this URL is encrypted.
fn is_encrypted(url: &str) -> bool {
    let mut conn = Connection::open(&DatabaseUrl::parse(url).unwrap().0).unwrap_or_else(|error| panic!("{error}"));
    let Backend::Postgres(conn) = &mut conn.backend else { panic!("{url} is not PostgreSQL") };
    diesel::select(diesel::dsl::sql::<Bool>("ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        .get_result(conn)
        .unwrap()
}

/// The error that the program prints when it cannot connect to this URL.
fn connection_error(url: &str, trusted_by_system: Option<&Path>) -> String {
    let mut sandbox = Sandbox::new([("DATABASE_URL", url), ("PORT", "0")]);
    if let Some(path) = trusted_by_system {
        sandbox.set("SSL_CERT_FILE", path.to_str().unwrap());
    }
    // `migrate` would succeed if the connection were not refused.
    let line = sandbox.run(&["migrate"]).error_line();
    assert!(!line.contains(PASSWORD), "{line}");
    line
}

#[test]
fn certificate_needs_the_right_host_name_and_authority() {
    let Some(certificates) = Certificates::generate() else { return };
    let Some(server) = postgres::with_tls(certificates.0.path()) else { return };
    let server = server.url("postgres");

    for parameters in [
        "sslmode=verify-full&sslrootcert=CA", "sslmode=verify-ca&sslrootcert=CA", "sslaccept=strict&sslcert=CA",
        "sslmode=require&sslaccept=strict&sslcert=CA", "sslmode=require&sslrootcert=CA",
    ] {
        assert!(is_encrypted(&url(&server, "localhost", parameters, &certificates)), "{parameters}");
    }
    for (host, parameters, reason) in [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=CA", "host name \"127.0.0.1\""),
        ("127.0.0.1", "sslaccept=strict&sslcert=CA", "host name \"127.0.0.1\""),
        ("localhost", "sslmode=verify-full&sslrootcert=STRANGER", "certificate verify failed"),
        ("localhost", "sslmode=verify-ca&sslrootcert=STRANGER", "certificate verify failed"),
        ("localhost", "sslmode=require&sslrootcert=STRANGER", "certificate verify failed"),
        ("localhost", "sslaccept=strict&sslcert=STRANGER", "certificate verify failed"),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.crt", "/nowhere.crt"),
    ] {
        let line = connection_error(&url(&server, host, parameters, &certificates), None);
        assert!(line.contains(reason), "{host} {parameters}: {line}");
    }
}

/// The default of Prisma: encryption without verification of the certificate.
#[test]
fn sslmode_require_encrypts_without_verification() {
    let Some(certificates) = Certificates::generate() else { return };
    let Some(server) = postgres::with_tls(certificates.0.path()) else { return };
    let server = server.url("postgres");
    for parameters in [
        "sslmode=require",
        "sslmode=require&sslaccept=accept_invalid_certs",
        "sslaccept=accept_invalid_certs",
        "sslmode=require&sslaccept=accept_invalid_certs&sslcert=STRANGER",
    ] {
        assert!(is_encrypted(&url(&server, "127.0.0.1", parameters, &certificates)), "{parameters}");
    }
    assert!(!is_encrypted(&url(&server, "localhost", "sslmode=disable", &certificates)));
}

#[tokio::test]
async fn system_certificate_authorities_are_trusted() {
    let Some(certificates) = Certificates::generate() else { return };
    let Some(server) = postgres::with_tls(certificates.0.path()) else { return };
    let server = server.url("postgres");
    let (ca, stranger) = (certificates.path("ca.crt"), certificates.path("stranger.crt"));
    for parameters in
        ["sslrootcert=system", "sslmode=require&sslrootcert=system", "sslmode=verify-full", "sslaccept=strict"]
    {
        let good = url(&server, "localhost", parameters, &certificates);
        let sandbox = Sandbox::new([("DATABASE_URL", good.as_str()), ("SSL_CERT_FILE", ca.to_str().unwrap())]);
        sandbox.run(&["migrate"]).success();
        let line = connection_error(&good, Some(&stranger));
        assert!(line.contains("certificate verify failed"), "{parameters}: {line}");
        let line = connection_error(&url(&server, "127.0.0.1", parameters, &certificates), Some(&ca));
        assert!(line.contains("host name"), "{parameters}: {line}");
        // Without SSL_CERT_FILE, the program trusts only the authorities of this machine.
        let line = connection_error(&good, None);
        assert!(line.contains("certificate verify failed"), "{parameters}: {line}");
    }
}

#[test]
fn encrypting_modes_refuse_a_server_without_tls() {
    let Some(certificates) = Certificates::generate() else { return };
    let Some(database) = TestDatabase::create(Engine::Postgres) else { return };
    let server = Url::parse(&database.url).unwrap();
    let host = server.host_str().unwrap().to_owned();
    if is_encrypted(&url(&server, &host, "sslmode=prefer", &certificates)) {
        crate::support::report_skipped("a server without TLS, because the one of TEST_DATABASE_URL has TLS");
        return;
    }
    for parameters in ["sslmode=require", "sslmode=verify-full&sslrootcert=CA", "sslaccept=strict&sslcert=CA"] {
        let line = connection_error(&url(&server, &host, parameters, &certificates), None);
        assert!(line.contains("server does not support SSL"), "{parameters}: {line}");
    }
}
