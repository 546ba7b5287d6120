//! No text contains a password.

use super::*;

/// Every text that the service may print about the result of parsing a URL.
fn printed(url: &str) -> String {
    match DatabaseUrl::parse(url) {
        Err(error) => format!("{error} {error:?}"),
        Ok((parsed, warnings)) => {
            let client_url = match &parsed {
                DatabaseUrl::Postgres(url) => url.to_client_url(),
                DatabaseUrl::Sqlite { .. } => String::new(),
            };
            format!("{parsed} {parsed:?} {warnings:?} {client_url}")
        }
    }
}

/// Asserts that no text about a URL with this password, not encoded, contains four consecutive characters of it.
fn assert_password_is_hidden(password: &str) {
    for url in [
        "postgres://me:<>@h/db", "postgresql://me:<>@h:5432/db?sslmode=require", "postgres://me:<>@[::1]/db",
        "postgres://me:<>@a:1,b:2/db", "postgres://h/db?user=me&password=<>", "postgres://h/db?password=<>&user=me",
        "postgres://h/db?sslkey=k&sslpassword=<>", "postgres://:<>@h/db", "postgresql:me:<>@h/db",
        "postgres:/me:<>@h/db", "me:<>@h/db", "//me:<>@h/db", "mysql://me:<>@h/db", "sqlite://me:<>@h/db",
        "sqlite:me:<>@h/db", "sqlite://posts.db?password=<>", "host=h user=me password=<>",
        "prisma+postgres://localhost:1/?api_key=<>", "prisma://accelerate.example/?api_key=<>",
    ] {
        let with = |password: &str| printed(&url.replace("<>", password));
        // The text for other passwords is constant.
        let constant: String = ["", "x", "x@x", "x/x", "x#x", "5", "x%x", "x&x", "x&x=x"].map(with).join(" ");
        let text = with(password);
        let characters: Vec<char> = password.chars().collect();
        for part in characters.windows(4).map(|window| window.iter().collect::<String>()) {
            assert!(!text.contains(&part) || constant.contains(&part), "{part:?} of {password:?} in {url}: {text}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_contains_a_part_of_the_password(password in "[ -~]{4,24}") {
        assert_password_is_hidden(&password);
    }

    #[test]
    fn no_text_contains_a_part_of_a_typical_password(parts in proptest::collection::vec("[A-Za-z0-9]{4,8}", 2..4),
        special in proptest::sample::select(&SPECIAL[..])) {
        assert_password_is_hidden(&parts.join(special));
    }

    #[test]
    fn an_encoded_password_reaches_libpq_unchanged(password in "[ -~]{1,24}") {
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let (url, _) = postgres_url(&format!("postgres://me:{encoded}@h/db"));
        let quoted = password.replace('\\', r"\\").replace('\'', r"\'");
        let expected = format!("user='me' password='{quoted}' host='h' dbname='db'");
        proptest::prop_assert_eq!(libpq_parameters(&url), expected);
    }
}

#[test]
fn invalid_urls_are_rejected_without_revealing_the_secret() {
    for text in [
        "posts.db", "", "postgrs://me:secret@host/db", "sqlite://", "sqlite::memory:", "sqlite://a.db?mode=ro",
        "mysql://me:secret@host/db", "prisma+postgres://x/?api_key=secret",
        "prisma+postgres://localhost:1/?api_key=secret", "postgres://u:secret@localhost/template1?schema=blog",
        "postgres://me:secret@host:99999/db", "sqlite://me:secret@host/db",
        "postgres://me:secret@host/db?connection_limit=none",
    ] {
        let error = DatabaseUrl::parse(text).unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.contains("secret"), "{error}");
    }
}
