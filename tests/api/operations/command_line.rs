//! The command line: help, options, completions, manual pages, exit status, and output for people.

use posts_api::escape::is_unsafe;
use serde_json::{Value, json};

use crate::support::program::Sandbox;
use crate::support::{TestDatabase, on_both};

const COMMANDS: [&str; 20] = [
    "serve", "migrate", "keys", "keys create", "keys list", "keys revoke", "webhooks", "webhooks list",
    "webhooks create", "webhooks enable", "webhooks disable", "webhooks replay", "webhooks delete", "import", "export",
    "backup", "doctor", "openapi", "completions", "man",
];

fn help(sandbox: &Sandbox, command: &str, flag: &str) -> String {
    let arguments: Vec<&str> = command.split_whitespace().chain([flag]).collect();
    sandbox.run(&arguments).success()
}

#[test]
fn each_command_lists_only_its_own_options() {
    let sandbox = Sandbox::new([]);
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let help = help(&sandbox, command, flag);
            let lists = |option: &str| help.contains(option);
            let (has_all, needs_database) =
                (["serve", "doctor"].contains(&command), !["openapi", "completions", "man"].contains(&command));
            assert_eq!(lists("--port "), has_all, "{command}");
            assert_eq!(lists("--cache-bytes "), has_all, "{command}");
            assert_eq!(lists("--sentry-dsn "), has_all, "{command}");
            assert_eq!(lists("--db-pool-size "), has_all, "{command}");
            assert_eq!(lists("--database-url "), needs_database, "{command}");
            assert_eq!(lists("--log "), needs_database, "{command}");
        }
    }
    let overview = help(&sandbox, "", "--help");
    assert!(!overview.contains("--port ") && overview.contains("posts-api serve --help"), "{overview}");
}

#[test]
fn help_wraps_at_the_width_of_the_terminal() {
    for width in [60, 100, 160] {
        let sandbox = Sandbox::new([("COLUMNS", width.to_string().as_str())]);
        for command in COMMANDS {
            let help = help(&sandbox, command, "-h");
            // clap does not wrap the usage.
            let lines = help.lines().filter(|line| !line.starts_with("Usage: "));
            let longest = lines.map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width, "{command} at {width}: {help}");
            assert!(command != "serve" || longest > width - 15, "{command} at {width}: {longest}");
        }
    }
}

#[test]
fn settings_are_accepted_before_and_after_the_command() {
    let sandbox = Sandbox::new([]);
    let url = "sqlite://flag.db";
    for arguments in [
        &["--database-url", url, "migrate"][..],
        &["migrate", "--database-url", url],
        &["--database-url", url, "keys", "list"],
        &["keys", "--database-url", url, "list"],
        &["keys", "list", "--database-url", url],
        &["--database-url", "sqlite://other.db", "keys", "list", "--database-url", url],
        // A setting of another command has no effect.
        &["--port", "0", "export", "--database-url", url],
    ] {
        sandbox.run(arguments).success();
        assert_eq!(sandbox.files(), ["flag.db"], "{arguments:?}");
    }
}

#[test]
fn exit_status_tells_failures_from_invalid_command_lines() {
    let sandbox = Sandbox::new([]);
    for (arguments, status) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["help", "keys"], 0),
        (&["export"], 1),
        (&["doctor"], 1),
        (&["migrate", "--port", "x"], 1),
        (&["import", "missing.ndjson"], 1),
        (&["keys"], 2),
        (&["unknown"], 2),
        (&["--unknown"], 2),
        (&["backup"], 2),
        (&["keys", "revoke", "x"], 2),
        (&["keys", "create", "--role", "owner", "--name", "x"], 2),
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", output.stderr);
        assert_eq!(
            output.stdout.is_empty(),
            status != 0 && arguments != ["doctor"],
            "{arguments:?}: {}",
            output.stdout
        );
    }
    assert_eq!(sandbox.files(), Vec::<String>::new());
    let version = concat!("posts-api ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(sandbox.run(&["--version"]).success(), version);
}

#[test]
fn reading_commands_do_not_create_a_database() {
    let sandbox = Sandbox::new([]);
    for arguments in
        [&["keys", "list"][..], &["keys", "revoke", "1"], &["export"], &["export", "--keys"], &["backup", "copy.db"]]
    {
        let line = sandbox.run(arguments).error_line();
        assert!(
            line.contains("there is no database at") && line.contains("posts-api migrate"),
            "{arguments:?}: {line}"
        );
        assert!(line.contains("posts.db"), "{line}");
    }
    assert!(sandbox.run(&["doctor"]).stdout.contains("posts.db does not exist; run posts-api migrate"));
    assert_eq!(sandbox.files(), Vec::<String>::new());
    // An empty file is not a database yet. SQLite would turn it into one.
    sandbox.write("posts.db", "");
    for arguments in [&["keys", "list"][..], &["export"]] {
        let line = sandbox.run(arguments).error_line();
        assert!(line.contains("migrations are pending; run posts-api migrate"), "{line}");
    }
    assert_eq!(std::fs::metadata(sandbox.path("posts.db")).unwrap().len(), 0);
    assert_eq!(sandbox.files(), ["posts.db"]);
}

#[on_both]
async fn reading_commands_do_not_create_tables(database: TestDatabase) {
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    // Creates the file of SQLite.
    drop(database.connect());
    for arguments in [&["keys", "list"][..], &["keys", "revoke", "1"], &["export"]] {
        let line = sandbox.run(arguments).error_line();
        assert!(line.contains("migrations are pending; run posts-api migrate"), "{arguments:?}: {line}");
    }
    assert!(sandbox.run(&["migrate"]).success().contains("create_posts"));
    assert_eq!(sandbox.run(&["export"]).success(), "");
}

#[test]
fn bash_completions_offer_commands_and_their_own_options() {
    let sandbox = Sandbox::new([]);
    let script = sandbox.run(&["completions", "bash"]).success();
    sandbox.write("completions.bash", &script);
    let complete = |words: &str| {
        let last = words.split(' ').count() - 1;
        sandbox.write(
            "complete.bash",
            &format!(
                ". ./completions.bash\nCOMP_WORDS=({words})\nCOMP_CWORD={last}\n\
                 function=$(complete -p posts-api | grep -o '_posts[^ ]*')\n\
                 $function posts-api \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
                 echo \"${{COMPREPLY[@]}}\"\n"
            ),
        );
        sandbox.shell("bash complete.bash").success()
    };
    assert_eq!(complete("posts-api exp"), "export\n");
    assert_eq!(complete("posts-api keys cr"), "create\n");
    assert_eq!(complete("posts-api serve --por"), "--port\n");
    assert_eq!(complete("posts-api keys list --da"), "--database-url --database-direct-url\n");
    assert_eq!(complete("posts-api keys list --por"), "\n");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(sandbox.run(&["completions", shell]).success().contains("database-direct-url"), "{shell}");
    }
    assert_eq!(sandbox.files(), ["complete.bash", "completions.bash"]);
}

#[test]
fn manual_has_a_page_for_each_command() {
    let sandbox = Sandbox::new([]);
    let main_page = sandbox.run(&["man"]).success();
    std::fs::create_dir(sandbox.path("man1")).unwrap();
    assert_eq!(sandbox.run(&["man", "--dir", "man1"]).success(), "wrote the manual pages to man1\n");
    let page = |name: &str| std::fs::read_to_string(sandbox.path("man1").join(name)).unwrap();
    assert_eq!(page("posts-api.1"), main_page);
    assert!(main_page.contains(".TH posts-api 1") && main_page.contains("posts\\-api\\-serve(1)"), "{main_page}");
    for command in COMMANDS {
        let name = format!("posts-api-{}", command.replace(' ', "-"));
        let page = page(&format!("{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page}");
        assert_eq!(page.contains("\\-\\-port"), ["serve", "doctor"].contains(&command), "{name}");
    }
    let line = sandbox.run(&["man", "--dir", "missing"]).error_line();
    assert!(line.contains("missing"), "{line}");
}

/// Columns line up, also if names are wide, and names cannot control the terminal.
#[on_both]
async fn keys_list_lines_up_and_escapes_names(database: TestDatabase) {
    let sandbox = Sandbox::new([("DATABASE_URL", database.url.as_str())]);
    let names = ["日本語の鍵", "ci", "\u{1b}[31mred\u{7}", "e\u{301}\u{202e}fdp.exe", "a\tb\u{9b}2Jc\r\nd", "👩‍👩‍👧 team"];
    for (number, name) in names.into_iter().enumerate() {
        let role = ["admin", "reader", "editor"][number % 3];
        let expiry: &[&str] = if number == 2 { &["--expires-at", "2099-01-31T12:00:00Z"] } else { &[] };
        sandbox.run(&[&["keys", "create", "--role", role, "--name", name], expiry].concat()).success();
    }
    let list = sandbox.run(&["keys", "list"]).success();
    assert!(!list.replace('\n', "").contains(is_unsafe), "{list:?}");
    let (header, rows) = list.split_once('\n').unwrap();
    assert_eq!(rows.lines().count(), names.len(), "{list}");
    let columns: Vec<usize> = ["id", "role", "created_at", "expires_at", "last_used_on", "name"]
        .iter()
        .map(|name| header.find(name).unwrap())
        .collect();
    for row in rows.lines() {
        for column in &columns {
            assert!(*column == 0 || &row[column - 2..*column] == "  ", "{list}");
            assert!(!row[*column..].starts_with(' '), "{list}");
        }
    }
    let shown: Vec<&str> = rows.lines().map(|row| &row[columns[5]..]).collect();
    let escaped =
        [names[0], names[1], r"\u{1b}[31mred\u{7}", "e\u{301}\\u{202e}fdp.exe", r"a\tb\u{9b}2Jc\r\nd", names[5]];
    assert_eq!(shown, escaped);
}

/// Control characters of a terminal, and characters that change the direction of the text.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\r\u{7f}\u{2028}";

fn write_hostile_imports(sandbox: &Sandbox) {
    let post = |slug: &str| json!({"title": HOSTILE, "slug": slug}).to_string();
    let ghost = json!({"db": [{"data": {"posts": [{"title": HOSTILE, "slug": HOSTILE}]}}]});
    sandbox.write("slugs.ndjson", &format!("{}\n{}\n", post(HOSTILE), post("a")));
    sandbox.write("names.ndjson", &format!("{}\n", json!({"title": "x", HOSTILE: 1})));
    sandbox.write("raw.ndjson", &format!("{{\"title\": \"{HOSTILE}\n{HOSTILE}\n"));
    sandbox.write("posts.xml", &format!("<rss><channel><item><title>{HOSTILE}</title></item></channel></rss>"));
    sandbox.write("ghost.json", &ghost.to_string());
}

/// Text from arguments, the environment, file names, and files cannot control the terminal.
#[test]
fn no_output_contains_control_characters_from_outside() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    sandbox.run(&["migrate"]).success();
    write_hostile_imports(&sandbox);
    let hostile_url = format!("sqlite://{HOSTILE}.db");
    // A URL with control characters is rejected. This one is a valid file name.
    let bidirectional_url = "sqlite://\u{202e}.db";
    for arguments in [
        &["import", "slugs.ndjson"][..],
        &["import", "--skip-invalid", "slugs.ndjson"],
        &["import", "--skip-invalid", "names.ndjson"],
        &["import", "--skip-invalid", "raw.ndjson"],
        &["import", "--format", "wordpress", "posts.xml"],
        &["import", "--format", "ghost", "ghost.json"],
        &["import", HOSTILE],
        &["backup", HOSTILE],
        &["doctor", "--database-url", &hostile_url],
        &["doctor", "--database-url", bidirectional_url],
        &["doctor", "--json", "--database-url", bidirectional_url],
        &["doctor", "--database-url", HOSTILE],
        &["keys", "list", "--database-url", &hostile_url],
        &["keys", "revoke", HOSTILE],
        &["keys", "create", "--role", HOSTILE, "--name", "x"],
        &["migrate", "--log", HOSTILE],
        &["serve", "--port", HOSTILE],
        &["serve", "--host", HOSTILE],
        &["man", "--dir", HOSTILE],
        &[HOSTILE],
    ] {
        let output = sandbox.run(arguments);
        let text = output.stdout + &output.stderr;
        assert!(!text.replace('\n', "").contains(is_unsafe), "{arguments:?}: {text:?}");
        assert!(!text.is_empty(), "{arguments:?}");
    }
    // JSON keeps the value.
    let json = sandbox.run(&["doctor", "--json", "--database-url", bidirectional_url]).stdout;
    let value: Value = serde_json::from_str(&json).unwrap();
    assert!(value.to_string().contains('\u{202e}'), "{value}");
}
