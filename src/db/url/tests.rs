mod secrets;

use std::time::Duration;

use super::*;
use crate::db::url::postgres::SINGLE_SESSION_WAIT;

fn postgres_url(text: &str) -> (PostgresUrl, Vec<String>) {
    match DatabaseUrl::parse(text).unwrap() {
        (DatabaseUrl::Postgres(url), warnings) => (*url, warnings),
        (DatabaseUrl::Sqlite { .. }, _) => panic!("{text} was parsed as SQLite"),
    }
}

/// The connection string without the service's defaults.
fn libpq_parameters(url: &PostgresUrl) -> &str {
    url.connection_string().split(" connect_timeout=").next().unwrap()
}

/// Each character of a password that has a meaning in a URL.
const SPECIAL: [&str; 20] =
    ["#", "/", "?", "@", ":", "%", " ", "[", "]", "&", "=", "+", ",", ";", "$", "!", "'", "\"", "\\", "%zz"];

#[test]
fn prisma_parameters_are_translated_or_ignored() {
    let (url, warnings) = postgres_url(
        "postgresql://me:pw@host/db?schema=blog&connection_limit=3&pool_timeout=7&sslmode=require&socket_timeout=2",
    );
    assert_eq!(url.schema.as_deref(), Some("blog"));
    assert_eq!(url.connection_limit, Some(3));
    assert_eq!(url.pool_timeout, Some(Duration::from_secs(7)));
    assert!(url.connection_string().contains("sslmode='require'"));
    for parameter in ["schema", "connection_limit", "pool_timeout", "socket_timeout"] {
        assert!(!url.connection_string().contains(parameter), "{parameter} reached libpq");
    }
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("socket_timeout"));
}

#[test]
fn strict_sslaccept_verifies_the_server() {
    let (url, _) = postgres_url("postgres://h/db?sslaccept=strict&sslmode=require");
    assert!(url.connection_string().contains("sslmode='verify-full'"));
    assert!(!url.connection_string().contains("sslmode='require'"));
}

#[test]
fn sslcert_without_a_key_is_the_certificate_authority() {
    for (parameters, expected) in [
        ("sslcert=ca.pem&sslaccept=strict", "sslmode='verify-full' sslrootcert='ca.pem'"),
        ("sslcert=ca.pem&sslmode=verify-ca", "sslmode='verify-ca' sslrootcert='ca.pem'"),
        ("sslcert=ca.pem&sslmode=require&sslaccept=accept_invalid_certs", "sslmode='require'"),
        ("sslcert=me.pem&sslkey=me.key", "sslcert='me.pem' sslkey='me.key'"),
        ("sslcert=me.pem&sslrootcert=ca.pem", "sslcert='me.pem' sslrootcert='ca.pem'"),
    ] {
        let (url, warnings) = postgres_url(&format!("postgres://h/db?{parameters}"));
        assert_eq!(libpq_parameters(&url), format!("host='h' dbname='db' {expected}"));
        assert!(warnings.is_empty());
    }
}

#[test]
fn local_prisma_server_is_recognized_by_both_urls() {
    let key =
        |url: &str| data_encoding::BASE64URL.encode(format!(r#"{{"name":"x","databaseUrl":"{url}"}}"#).as_bytes());
    let direct =
        "postgres://postgres:postgres@localhost:51214/template1?sslmode=disable&connection_limit=10&pool_timeout=0";
    for text in [direct.to_owned(), format!("prisma+postgres://localhost:51213/?api_key={}", key(direct))] {
        let (url, _) = postgres_url(&text);
        assert!(url.has_single_session && url.transaction_pooling);
        assert_eq!((url.connection_limit, url.pool_timeout), (Some(1), Some(SINGLE_SESSION_WAIT)));
        assert_eq!(
            libpq_parameters(&url),
            "user='postgres' password='postgres' host='localhost' port='51214' dbname='template1' sslmode='disable'"
        );
    }
    for other in ["postgres://me@localhost/posts", "postgres://me@db.prisma.io/template1"] {
        assert!(!postgres_url(other).0.has_single_session, "{other}");
        let wrapped = format!("prisma+postgres://localhost:51213/?api_key={}", key(other));
        assert!(DatabaseUrl::parse(&wrapped).is_err(), "{other}");
    }
    assert!(DatabaseUrl::parse(&format!("prisma+postgres://accelerate.example/?api_key={}", key(direct))).is_err());
}

#[test]
fn adopted_schema_must_match() {
    for (own, other, expected) in [
        ("", "", Ok(None)),
        ("", "?schema=blog", Ok(Some("blog"))),
        ("?schema=blog", "?schema=blog", Ok(Some("blog"))),
        ("?schema=blog", "?pgbouncer=true", Ok(Some("blog"))),
        ("?pgbouncer=true", "", Ok(None)),
        ("?schema=blog", "", Err(())),
        ("?schema=blog", "?schema=posts", Err(())),
        ("?pgbouncer=true", "?schema=blog", Err(())),
    ] {
        let [mut url, other_url] = [own, other].map(|query| postgres_url(&format!("postgres://h/db{query}")).0);
        let adopted = if url.adopt_schema(&other_url) { Ok(url.schema.as_deref()) } else { Err(()) };
        assert_eq!(adopted, expected, "{own} with {other}");
    }
}

#[test]
fn password_is_redacted() {
    let (url, _) = DatabaseUrl::parse("postgres://me:p%40ss@host:1/db?sslmode=require").unwrap();
    assert_eq!(url.to_string(), "postgres://me@host:1/db");
    assert_eq!(format!("{url:?}"), "postgres://me@host:1/db");
    let (url, _) = postgres_url("postgres://me:p%40ss@host:1/db");
    assert_eq!(url.redact("p@ss and p%40ss"), "*** and ***");
    let (url, _) = postgres_url("postgres://me%3Ahush@h/db%3Fpassword%3Dhush");
    assert_eq!(url.to_message(), "postgres://***@h/***");
    assert_eq!(
        url.redact("no role \"me:hush\", no database \"db?password=hush\""),
        "no role \"***\", no database \"***\""
    );
}

#[test]
fn local_connections_and_verified_servers_are_recognized() {
    for (text, is_local, verifies) in [
        ("postgres://me@localhost/db", true, false),
        ("postgres://me@127.0.0.1/db", true, false),
        ("postgres://me@[::1]/db", true, false),
        ("postgres:///db?host=/run/postgresql", true, false),
        ("postgres://%2Frun%2Fpostgresql/db", true, false),
        ("postgres://me@db.example.org/db?hostaddr=127.0.0.1", true, false),
        ("postgres://me@localhost/db?host=db.example.org", false, false),
        ("postgres://me@db.example.org/db", false, false),
        ("postgres://me@db.example.org/db?sslmode=require", false, false),
        ("postgres://me@db.example.org/db?sslmode=require&sslrootcert=ca.crt", false, true),
        ("postgres://me@db.example.org/db?sslmode=verify-full", false, true),
        ("postgres://me@db.example.org/db?sslmode=require&sslaccept=strict", false, true),
    ] {
        let (url, _) = postgres_url(text);
        assert_eq!((url.is_local(), url.verifies_server()), (is_local, verifies), "{text}");
    }
}

#[test]
fn url_forms_of_psql_are_accepted() {
    for (url, parameters, printed) in [
        ("postgres:///db?host=/run/pg", "dbname='db' host='/run/pg'", "postgres://%2Frun%2Fpg/db"),
        ("postgres://%2Frun%2Fpg/db", "host='/run/pg' dbname='db'", "postgres://%2Frun%2Fpg/db"),
        ("postgres://a:1,b:2/db", "host='a,b' port='1,2' dbname='db'", "postgres://a:1,b:2/db"),
        ("postgres://a,b:2/db", "host='a,b' port=',2' dbname='db'", "postgres://a,b:2/db"),
        ("postgres://a,b/db?port=7", "host='a,b' dbname='db' port='7'", "postgres://a:7,b:7/db"),
        ("postgres://[::1]:5/db", "host='::1' port='5' dbname='db'", "postgres://[::1]:5/db"),
        ("postgres://[::1],[fe80::1%25eth0]", "host='::1,fe80::1%eth0'", "postgres://[::1],[fe80::1%25eth0]"),
        ("postgresql://me@h", "user='me' host='h'", "postgres://me@h"),
        ("postgresql://h/?user=me", "host='h' user='me'", "postgres://me@h"),
        ("postgres://:p@h", "password='p' host='h'", "postgres://h"),
        ("postgres://me:a:b@h", "user='me' password='a:b' host='h'", "postgres://me@h"),
        (
            "postgres://old:pw@a/x?user=me&host=b&dbname=y", "user='me' password='pw' host='b' dbname='y'",
            "postgres://me@b/y",
        ),
        ("postgres://h/a%20b%2F%27", r"host='h' dbname='a b/\''", "postgres://h/***"),
        ("postgres://a%40b@h/a-b", "user='a@b' host='h' dbname='a-b'", "postgres://a%40b@h/a-b"),
        ("postgres://h?password=a%20b+c%5C", r"host='h' password='a b+c\\'", "postgres://h"),
        ("postgres://h/db?ssl=true", "host='h' dbname='db' sslmode='require'", "postgres://h/db"),
        ("postgres://h/db?sslmode=allow&sslmode=allow&", "host='h' dbname='db' sslmode='allow'", "postgres://h/db"),
    ] {
        let (parsed, warnings) = postgres_url(url);
        assert_eq!((libpq_parameters(&parsed), parsed.to_message().as_str()), (parameters, printed), "{url}");
        assert!(warnings.is_empty(), "{url}: {warnings:?}");
    }
}

#[test]
fn every_parameter_of_libpq_is_passed_on() {
    for name in libpq::PARAMETERS {
        let value = match name {
            "channel_binding" | "gssencmode" | "sslmode" | "sslcertmode" => "require",
            "load_balance_hosts" => "random",
            "sslnegotiation" => "direct",
            "target_session_attrs" => "read-write",
            "port" => "7",
            _ => "x",
        };
        // With the key, the certificate is that of the client.
        let (url, warnings) = postgres_url(&format!("postgres:///?{name}={value}&sslkey=x"));
        assert!(url.connection_string().contains(&format!("{name}='{value}'")), "{name}");
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
    }
    for secret in libpq::SECRETS {
        let (url, _) = postgres_url(&format!("postgres:///?{secret}=hush"));
        assert!(!format!("{}{}", url.to_client_url(), url.to_message()).contains("hush"), "{secret}");
        assert_eq!(url.redact("hush"), "***", "{secret}");
    }
}

#[test]
fn unknown_and_contradictory_parameters_are_rejected() {
    for (query, expected) in [
        ("sslmod=verify-full", "URL parameter 1"),
        ("sslmode=require&SSLMODE=verify-full", "URL parameter 2"),
        ("currentSchema=blog", "URL parameter 1"),
        ("sslmode=verify-full&sslmode=disable", "sslmode has two values"),
        ("schema=a&schema=b", "schema has two values"),
        ("sslmode=no-verify", "sslmode must be one of disable, allow, prefer"),
        ("channel_binding=on", "channel_binding must be one of"),
        ("target_session_attrs=master", "target_session_attrs must be one of"),
        ("ssl=1", "ssl must be true"),
        ("sslidentity=a.p12", "sslcert and sslkey"),
        ("sslaccept=no", "sslaccept must be"),
        ("pgbouncer=1", "pgbouncer must be"),
        ("schema=", "schema must not be empty"),
        ("replication=database", "replication is not supported"),
        ("sslmode", "a parameter has no value"),
        ("port=0", "a port is not"),
        ("host=a%20b", "a host contains"),
    ] {
        let error = DatabaseUrl::parse(&format!("postgres://h/db?{query}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{query}: {error}");
    }
}

#[test]
fn ambiguous_urls_are_rejected() {
    for url in [
        "postgres://me:a#b@h/db", "postgres://me:a/b@h/db", "postgres://me:a?b@h/db", "postgres://me:a@b@h/db",
        "postgres://me:a b@h/db", "postgres://me:a%b@h/db", "postgres://me:a%00@h/db", "postgres://me:a%ff@h/db",
        "postgres://h/db#fragment", "postgres://h/db?user=me@h", "postgres://me:a/db", "postgres://h:0/db",
        "postgres://h:65536/db", "postgres://[::1/db", "postgres://[]/db", "postgres://[::1]x/db", "postgres://a!b/db",
        "postgres://::1/db", "postgres:me:a@h/db", "postgres:/me:a@h/db",
    ] {
        let error = DatabaseUrl::parse(url).unwrap_err().to_string();
        assert!(error.contains("not a valid URL") && error.contains("percent-encode"), "{url}: {error}");
    }
}
