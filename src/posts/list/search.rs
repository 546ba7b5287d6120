//! Full-text search: parses the search text, and translates it to the query language of each database.
//!
//! A post must contain all words. Quotes enclose a phrase, and `word*` is a prefix. Every other character separates
//! words, so no text is a syntax error. The database folds the words (case, diacritics) in the same way as the posts.

use serde::Serialize;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The maximum length of a search text, in characters.
pub const MAX_SEARCH: usize = 500;

/// The maximum number of words: each one costs an index lookup.
const MAX_WORDS: usize = 20;
/// The maximum number of prefixes: each one matches many words.
const MAX_PREFIXES: usize = 4;

/// On PostgreSQL, begins the lexemes of the title in the search vector.
const TITLE_PREFIX: &str = "|";

/// Why a search text cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchError {
    /// It contains no word, so it matches no post.
    NoWords,
    /// It contains too many words or prefixes.
    TooComplex,
}

/// A search with at least one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search(Vec<Phrase>);

/// Adjacent words. The last one may be a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Phrase {
    words: Vec<String>,
    is_prefix: bool,
}

/// Where the words must occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchScope {
    /// Anywhere in title and content. A phrase must be within one of them.
    Post,
    Title,
    /// Anywhere, except that [`SearchScope::Title`] does not match.
    NotTitle,
}

impl Search {
    /// # Errors
    /// The text has no word, more than 20 words, or more than 4 prefixes.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let mut phrases: Vec<Phrase> = Vec::new();
        // Every second part is quoted. An unclosed quote extends to the end.
        for (part, is_quoted) in text.split('"').zip([false, true].into_iter().cycle()) {
            if is_quoted {
                phrases.extend(phrase(part, false));
            } else {
                phrases.extend(part.split_whitespace().filter_map(|chunk| phrase(chunk, chunk.ends_with('*'))));
            }
        }
        let words: usize = phrases.iter().map(|phrase| phrase.words.len()).sum();
        let prefixes = phrases.iter().filter(|phrase| phrase.is_prefix).count();
        if words > MAX_WORDS || prefixes > MAX_PREFIXES {
            return Err(SearchError::TooComplex);
        }
        if phrases.is_empty() { Err(SearchError::NoWords) } else { Ok(Self(phrases)) }
    }

    /// The query for FTS5 of SQLite (FTS5 manual, section 3).
    pub(crate) fn fts5(&self, scope: SearchScope) -> String {
        let all = self.join(" AND ", |phrase| {
            format!("\"{}\"{}", phrase.words.join(" "), if phrase.is_prefix { " *" } else { "" })
        });
        match scope {
            SearchScope::Post => all,
            SearchScope::Title => format!("{{title}} : ({all})"),
            SearchScope::NotTitle => format!("({all}) NOT ({{title}} : ({all}))"),
        }
    }

    /// The `tsquery` for PostgreSQL (manual, section 8.11.2) that matches all words. A phrase matches only if
    /// `has_phrases`; otherwise its words may be anywhere, so that the index has the answer without reading the post.
    pub(crate) fn tsquery(&self, scope: SearchScope, has_phrases: bool) -> String {
        match scope {
            SearchScope::Post => self.tsquery_of("", has_phrases),
            SearchScope::Title => self.tsquery_of(TITLE_PREFIX, has_phrases),
            SearchScope::NotTitle => {
                format!("({}) & !({})", self.tsquery_of("", has_phrases), self.tsquery_of(TITLE_PREFIX, has_phrases))
            }
        }
    }

    fn tsquery_of(&self, prefix: &str, has_phrases: bool) -> String {
        let operator = if has_phrases { " <-> " } else { " & " };
        self.join(" & ", |phrase| {
            let words: Vec<String> = phrase.words.iter().map(|word| format!("'{prefix}{word}':")).collect();
            format!("({}{})", words.join(operator), if phrase.is_prefix { "*" } else { "" })
        })
    }

    /// Each phrase of several words, as it occurs in a text with a space around each word.
    pub(crate) fn phrases(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(|phrase| phrase.words.len() > 1)
            .map(|phrase| format!(" {}{}", phrase.words.join(" "), if phrase.is_prefix { "" } else { " " }))
    }

    fn join(&self, separator: &str, render: impl Fn(&Phrase) -> String) -> String {
        self.0.iter().map(render).collect::<Vec<_>>().join(separator)
    }
}

/// Parses the words of a phrase. Returns `None` if the text contains no word.
fn phrase(text: &str, is_prefix: bool) -> Option<Phrase> {
    let words: Vec<String> =
        text.split(|c| !is_word(c)).filter(|word| !word.chars().all(is_diacritic)).map(ToOwned::to_owned).collect();
    if words.is_empty() { None } else { Some(Phrase { words, is_prefix }) }
}

/// Letters, decimal digits, and the combining diacritics that folding removes: the word characters of both databases.
fn is_word(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
        || c.general_category() == GeneralCategory::DecimalNumber
        || is_diacritic(c)
}

/// Folding removes these characters, so a word cannot consist of them alone.
fn is_diacritic(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_with_too_many_words_is_rejected() {
        for text in ["a ".repeat(21), "a-".repeat(21), "ab* cd* ef* gh* ij*".to_owned()] {
            assert_eq!(Search::parse(&text), Err(SearchError::TooComplex), "{text}");
        }
        assert!(Search::parse(&"a ".repeat(20)).is_ok() && Search::parse("日*").is_ok());
    }

    fn queries(text: &str) -> (String, String) {
        let search = Search::parse(text).unwrap();
        (search.fts5(SearchScope::Post), search.tsquery(SearchScope::Post, true))
    }

    #[test]
    fn words_phrases_and_prefixes_become_a_query() {
        assert_eq!(queries("foo Bar"), (r#""foo" AND "Bar""#.into(), "('foo':) & ('Bar':)".into()));
        assert_eq!(
            queries(r#""foo bar" baz*"#),
            (r#""foo bar" AND "baz" *"#.into(), "('foo': <-> 'bar':) & ('baz':*)".into())
        );
    }

    #[test]
    fn other_characters_separate_words() {
        assert_eq!(queries(r"foo-bar' OR (x:y)").0, r#""foo bar" AND "OR" AND "x y""#);
        assert_eq!(queries(r#"say "hello"#).0, r#""say" AND "hello""#);
        for text in ["", "  ", "!!!", "\"\"", "*", "² ½", "\u{301}", "\"\u{301} \u{302}*"] {
            assert_eq!(Search::parse(text), Err(SearchError::NoWords), "{text}");
        }
    }
}
