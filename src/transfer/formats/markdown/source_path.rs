//! What the path of a file says about its post: the slug, the date, and whether it is a draft.

use std::path::{Component, Path};

use jiff::civil::Date;

/// The parts of a path that generators interpret.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct SourcePath {
    /// The name of the file, or of the folder of an `index.md`, without a date before it.
    pub(super) name: String,
    /// The date before the name: `2026-01-31-name.md`, as in Jekyll and Zola.
    pub(super) date: Option<String>,
    /// The file is in a folder `_drafts`, as in Jekyll.
    pub(super) is_in_drafts: bool,
    /// The file is in a folder `_posts` or `_drafts`, so that Jekyll splits tags at white space.
    pub(super) is_of_jekyll: bool,
}

impl SourcePath {
    pub(super) fn new(path: &Path) -> Self {
        let mut folders =
            path.parent().into_iter().flat_map(Path::components).filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_string_lossy()),
                _ => None,
            });
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // `index.fr.md` is the French version of `index.md`.
        let name = match (stem.strip_prefix("index"), folders.clone().next_back()) {
            (Some(language), Some(folder)) if language.is_empty() || language.starts_with('.') => {
                format!("{folder}{language}")
            }
            _ => stem.into_owned(),
        };
        let is_in_drafts = folders.clone().any(|folder| folder == "_drafts");
        let is_of_jekyll = is_in_drafts || folders.any(|folder| folder == "_posts");
        let (date, name) = match split_date(&name) {
            Some((date, name)) => (Some(date.to_owned()), name.to_owned()),
            None => (None, name),
        };
        Self { name, date, is_in_drafts, is_of_jekyll }
    }

    /// The name as words, for a post without a title.
    pub(super) fn title(&self) -> String {
        self.name.replace(['-', '_'], " ").trim().to_owned()
    }
}

/// Splits `2026-01-31-name` and `2026-01-31_name`. A name whose date does not exist is not split.
fn split_date(name: &str) -> Option<(&str, &str)> {
    const DATE: usize = "2026-01-31".len();
    let (date, rest) = name.split_at_checked(DATE)?;
    let is_date = date.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let rest = rest.strip_prefix(['-', '_'])?;
    (is_date && date.parse::<Date>().is_ok() && !rest.is_empty()).then_some((date, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_come_from_the_path() {
        for (path, name, date, is_in_drafts, is_of_jekyll) in [
            ("content/posts/hello.md", "hello", None, false, false),
            ("content/posts/hello/index.md", "hello", None, false, false),
            ("content/posts/hello/index.fr.md", "hello.fr", None, false, false),
            ("index.md", "index", None, false, false),
            ("posts/indexes.md", "indexes", None, false, false),
            ("_posts/2026-01-31-hello.markdown", "hello", Some("2026-01-31"), false, true),
            ("_posts/news/2026-01-31-hello.md", "hello", Some("2026-01-31"), false, true),
            ("content/2026-01-31_hello/index.mdx", "hello", Some("2026-01-31"), false, false),
            ("_drafts/hello.md", "hello", None, true, true),
            ("2020-13-40-x.md", "2020-13-40-x", None, false, false),
            ("2021-02-29_x.md", "2021-02-29_x", None, false, false),
            ("2026-01-31.md", "2026-01-31", None, false, false),
            ("2026-01-31-.md", "2026-01-31-", None, false, false),
            ("éééééé.md", "éééééé", None, false, false),
        ] {
            let date = date.map(str::to_owned);
            let expected = SourcePath { name: name.to_owned(), date, is_in_drafts, is_of_jekyll };
            assert_eq!(SourcePath::new(Path::new(path)), expected, "{path}");
        }
    }
}
