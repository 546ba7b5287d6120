//! `SSL_CERT_FILE`: the program does not start with a file that it cannot trust, and does not use another one instead.

use crate::support::authority::Authority;
use crate::support::program::Sandbox;

/// A sandbox whose `SSL_CERT_FILE` is `name`, with this text if there is any.
fn sandbox(name: &str, text: Option<&str>) -> Sandbox {
    let mut sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0")]);
    if let Some(text) = text {
        sandbox.write(name, text);
    }
    sandbox.set("SSL_CERT_FILE", sandbox.path(name).to_str().unwrap());
    sandbox
}

#[test]
fn file_without_valid_certificates_prevents_the_start() {
    let pem = Authority::new("test").pem();
    let (middle, end) = (pem.len() / 2, pem.len());
    let truncated = &pem[..middle];
    let damaged = format!("{}!!!!{}", &pem[..middle], &pem[middle..end]);
    let no_certificate = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    let second_damaged = format!("{pem}{damaged}");
    for (text, reason) in [
        (None, "No such file or directory"),
        (Some(""), "it contains no certificate in PEM format"),
        (Some("\n"), "it contains no certificate in PEM format"),
        (Some("these are notes\n"), "it contains no certificate in PEM format"),
        (Some("\u{0}\u{1}\u{2}"), "it contains no certificate in PEM format"),
        (Some(truncated), "it contains an invalid certificate"),
        (Some(damaged.as_str()), "it contains an invalid certificate"),
        (Some(no_certificate), "it contains an invalid certificate"),
        (Some(second_damaged.as_str()), "it contains an invalid certificate"),
    ] {
        let sandbox = sandbox("ca.pem", text);
        let files = sandbox.files();
        // The server comes last: it would not end if it were not refused.
        for command in [&["migrate"][..], &["keys", "list"], &[]] {
            let line = sandbox.run(command).error_line();
            let path = sandbox.path("ca.pem");
            let expected =
                format!("error: SSL_CERT_FILE: failed to read CA certificates from {}: {reason}", path.display());
            assert!(line.starts_with(&expected), "{text:?}: {line}");
            assert!(line.contains("; set it to a PEM file with CA certificates, or unset it"), "{line}");
        }
        assert_eq!(sandbox.files(), files, "the program created a file");
    }
}

#[test]
fn directory_is_not_a_certificate_file() {
    let sandbox = sandbox(".", None);
    let line = sandbox.run(&["migrate"]).error_line();
    assert!(line.starts_with("error: SSL_CERT_FILE: failed to read CA certificates from"), "{line}");
}

#[test]
fn doctor_reports_a_missing_certificate_file() {
    let sandbox = sandbox("missing.pem", None);
    let output = sandbox.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let line = output.stdout.lines().next().unwrap();
    assert!(line.starts_with("ERROR    settings") && line.contains("missing.pem"), "{line}");
}

#[test]
fn certificate_file_can_be_named_in_the_env_file() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("PORT", "0")]);
    sandbox.write(".env", "SSL_CERT_FILE=ca.pem\n");
    let line = sandbox.run(&["migrate"]).error_line();
    assert!(line.starts_with("error: SSL_CERT_FILE: failed to read CA certificates from ca.pem: "), "{line}");
    sandbox.write("ca.pem", &format!("# A comment\n{}\n{}", Authority::new("a").pem(), Authority::new("b").pem()));
    sandbox.run(&["migrate"]).success();
}

#[test]
fn empty_certificate_variable_counts_as_unset() {
    for value in ["", " "] {
        let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("SSL_CERT_FILE", value)]);
        sandbox.run(&["migrate"]).success();
        sandbox.write(".env", "SSL_CERT_FILE=missing.pem\n");
        assert!(sandbox.run(&["migrate"]).error_line().contains("missing.pem"), "{value:?}");
    }
}
