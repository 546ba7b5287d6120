//! `.env`: adds the variables of a file to the environment of the process.
//!
//! Other programs may share the file and write lines that dotenvy cannot parse. Such a line is skipped, unless it is
//! about a setting of this service: then it is an error, because without the setting the service could use another
//! database. No error contains the text of a line, which can be a secret.
//!
//! 1. dotenvy parses each line by itself, so that an unbalanced quote does not hide the lines after it.
//! 2. If a value begins with a quote that its line does not close, the following lines are added one by one.
//! 3. A valid variable is set at once, so that later lines can refer to it as `$NAME`.

use std::borrow::Cow;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::environment;
use super::parse::ConfigError;
use super::settings;
use crate::tls::CERTIFICATE_VARIABLE;

/// The file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    pub path: PathBuf,
    /// The numbers of the lines that are neither comments nor valid variables.
    pub skipped_lines: Vec<usize>,
}

impl fmt::Display for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}", self.path.display())?;
        match self.skipped_lines.iter().map(usize::to_string).collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            lines => write!(f, ", except lines that are not NAME=value: {}", lines.join(", ")),
        }
    }
}

/// Reads `.env` of the working directory, or else of the nearest parent directory that has one. Variables of the
/// process take precedence. An empty one counts as unset if it is a setting of this service.
///
/// # Errors
/// The file cannot be read, or a line about a setting is not valid.
pub(super) fn load() -> Result<Option<EnvFile>, ConfigError> {
    let Some(path) = find()? else { return Ok(None) };
    let bytes = std::fs::read(&path).map_err(|error| ConfigError::EnvFile { path: path.clone(), error })?;
    let skipped_lines = read(&bytes, set_variable).map_err(|(line, reason)| ConfigError::EnvLine {
        path: path.clone(),
        line,
        reason,
    })?;
    Ok(Some(EnvFile { path, skipped_lines }))
}

fn find() -> Result<Option<PathBuf>, ConfigError> {
    let directory = std::env::current_dir().unwrap_or_default();
    for path in directory.ancestors().map(|directory| directory.join(".env")) {
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => return Ok(Some(path)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(ConfigError::EnvFile { path, error }),
            _ => {}
        }
    }
    Ok(None)
}

/// Sets a variable, unless the process has it. dotenvy changes the environment, because this crate has no unsafe code.
fn set_variable(name: &str, value: &str) {
    let is_setting = name == CERTIFICATE_VARIABLE || settings::ALL.iter().any(|setting| setting.variable == name);
    let is_set = environment(name).is_some_and(|old| !(is_setting && old.trim().is_empty()));
    let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$").replace('\n', r"\n");
    if !is_set {
        // Cannot fail: the name was parsed, and each special character of the value is escaped.
        let _ = dotenvy::from_read_override(format!("{name}=\"{value}\"\n").as_bytes());
    }
}

/// Calls `set` for each variable. Returns the numbers of the lines that were skipped.
///
/// # Errors
/// The number of an invalid line, and the reason.
fn read(bytes: &[u8], mut set: impl FnMut(&str, &str)) -> Result<Vec<usize>, (usize, String)> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err((1, "the file is UTF-16; save it as UTF-8".to_owned()));
    }
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let (mut skipped, mut next) = (Vec::new(), 0);
    while let Some(lines) = lines.get(next..).filter(|lines| !lines.is_empty()) {
        let (count, variable) = read_variable(lines);
        let setting = lines.first().and_then(|line| setting_of(line));
        match (variable, setting) {
            (Ok(Some((name, value))), _) => {
                let hidden = lines.iter().take(count).skip(1).position(|line| is_assignment(line));
                if let Some(index) = hidden {
                    let reason = format!("an open quote hides the setting in line {}; close it", next + index + 2);
                    return Err((next + 1, reason));
                }
                set(&name, &value);
            }
            (Ok(None), _) => {}
            (Err(()), Some(setting)) => {
                let reason = format!(
                    "not {setting}=value; enclose a value that contains spaces, quotes, or one of # $ \\ in single \
                     quotes"
                );
                return Err((next + 1, reason));
            }
            (Err(()), None) => skipped.push(next + 1),
        }
        next += count;
    }
    Ok(skipped)
}

type Variable = Result<Option<(String, String)>, ()>;

/// Parses the variable that begins in the first line. Returns the number of its lines. `None` is a blank line or a
/// comment.
fn read_variable(lines: &[&str]) -> (usize, Variable) {
    let first = lines.first().copied().unwrap_or_default();
    let variable = parse(first);
    let quote = first.split_once('=').and_then(|(_, value)| value.trim_start().chars().next());
    if let (Err(()), Some(quote @ ('"' | '\''))) = (&variable, quote) {
        let ends = lines.iter().enumerate().skip(1).filter(|(_, line)| line.contains(quote));
        for count in ends.map(|(index, _)| index + 1) {
            let text = lines.iter().take(count).copied().collect::<Vec<_>>().join("\n");
            if let Ok(variable) = parse(&text) {
                return (count, Ok(variable));
            }
        }
    }
    (1, variable)
}

fn parse(text: &str) -> Variable {
    match dotenvy::from_read_iter(format!("{text}\n").as_bytes()).next() {
        None => Ok(None),
        // Setting a variable to a text with NUL panics. U+FFFD replaces what is not UTF-8.
        Some(Ok((name, value))) if !value.contains(['\0', '\u{fffd}']) => Ok(Some((name, value))),
        Some(_) => Err(()),
    }
}

/// Whether a line by itself would set a setting.
fn is_assignment(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default().trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    line.contains('=') && settings::ALL.iter().any(|setting| setting.variable == name)
}

/// The setting that a line is about, even if the line is not valid, such as `DATABASE-URL=…` or `DATABASE_URL: …`.
fn setting_of(line: &str) -> Option<Cow<'static, str>> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let name = line.split(['=', ':']).next().unwrap_or_default().trim();
    let names =
        [name, name.split_whitespace().next().unwrap_or_default()].map(|name| name.replace(['-', '.', ' '], "_"));
    let setting =
        settings::ALL.iter().map(|setting| setting.variable).find(|setting| names.iter().any(|name| name == setting));
    // The OpenTelemetry SDK reads further variables, which are settings as well.
    let further = names.into_iter().find(|name| name.starts_with("OTEL_") || name == "SENTRY_ENVIRONMENT");
    setting.map(Cow::Borrowed).or(further.map(Cow::Owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = Vec<(String, String)>;

    /// The variables and the skipped lines.
    fn parsed(text: &str) -> Result<(Variables, Vec<usize>), (usize, String)> {
        let mut variables = Vec::new();
        let skipped = read(text.as_bytes(), |name, value| variables.push((name.to_owned(), value.to_owned())))?;
        Ok((variables, skipped))
    }

    #[test]
    fn lines_of_other_programs_are_skipped() {
        for line in [
            "SITE_TITLE=My blog", "MY-KEY=x", "A B=c", "TITLE=Bob's blog", "TITLE=\"open", "TITLE='open", "just text",
            "=x", "1A=x", "A", "A=${B", "A=a\0b", "A=\u{fffd}", "export", "{\"json\": 1}", "A='x' y", "A=\\x",
        ] {
            for end in ["\n", "\r\n"] {
                let text = format!("{line}{end}PORT=1{end}");
                assert_eq!(parsed(&text).unwrap(), (vec![("PORT".into(), "1".into())], vec![1]), "{text:?}");
            }
        }
    }

    #[test]
    fn every_form_of_dotenvy_is_read() {
        for (text, expected) in [
            ("PORT=1", "1"),
            ("\u{feff}PORT=1\r\n", "1"),
            ("export PORT=1", "1"),
            ("  PORT = 1  # one", "1"),
            ("PORT='a # b'", "a # b"),
            ("PORT=\"a\\nb\"", "a\nb"),
            ("PORT=\"a\nb\nc\"", "a\nb\nc"),
            ("PORT=a#b", "a#b"),
            ("PORT=", ""),
            ("# DATABASE_URL='\nPORT=1", "1"),
        ] {
            assert_eq!(parsed(text).unwrap(), (vec![("PORT".into(), expected.into())], vec![]), "{text:?}");
        }
    }

    #[test]
    fn invalid_line_of_a_setting_is_an_error() {
        for (text, line) in [
            ("A=1\nDATABASE_URL='hush", 2),
            ("DATABASE_URL=hush hush", 1),
            ("DATABASE-URL=hush", 1),
            ("DATABASE URL=hush", 1),
            ("DATABASE_URL: hush", 1),
            ("DATABASE_URL hush=1", 1),
            ("export DATABASE_URL hush", 1),
            ("\n\nPORT=hu\0sh", 3),
            ("PORT=hu\u{fffd}sh", 1),
            ("OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer hush", 1),
            // Without the error, the URL would be a part of the title.
            ("TITLE='it is\nDATABASE_URL=hush\nX='", 1),
        ] {
            let (number, reason) = parsed(text).unwrap_err();
            assert!(number == line && !reason.contains("hu"), "{text:?}: {number} {reason}");
        }
        let utf16: Vec<u8> = "\u{feff}PORT=1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(read(&utf16, |_, _| {}).unwrap_err().1.contains("UTF-16"));
    }
}
