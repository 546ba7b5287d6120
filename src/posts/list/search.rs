//! Full-text search: what the caller typed, and the query that each database makes of it.
//!
//! All words must be there, quotes make a phrase, `word*` is a prefix; every other character only separates words, so that no
//! text is a syntax error. A word is folded by the database itself, as it folded the posts.

use serde::Serialize;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The most characters that a search may have.
pub const MAX_SEARCH: usize = 500;

/// The most words that a search may have: each one costs the database a look into its index.
const MAX_WORDS: usize = 20;
/// The most prefixes: each one stands for all words that begin so.
const MAX_PREFIXES: usize = 4;

/// Why a text is no search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSearch {
    /// There is no word in it: it finds nothing.
    Empty,
    /// It would cost too much.
    TooMuch,
}

/// A search with at least one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Search(Vec<Phrase>);

/// Words that stand next to each other; the last one may be only the beginning of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Phrase {
    words: Vec<String>,
    is_prefix: bool,
}

/// Where the words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In title and content together; a phrase is in one of them.
    Post,
    Title,
}

impl Search {
    /// # Errors
    /// It has no word, or over 20 words, or over 4 prefixes.
    pub fn parse(text: &str) -> Result<Self, NoSearch> {
        let mut phrases: Vec<Phrase> = Vec::new();
        // Every second part stood between quotes; a quote that nobody closed ends with the text.
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
            return Err(NoSearch::TooMuch);
        }
        if phrases.is_empty() { Err(NoSearch::Empty) } else { Ok(Self(phrases)) }
    }

    /// As a query of SQLite's FTS5 (section 3 of its manual).
    pub(crate) fn fts5(&self, scope: Scope) -> String {
        let all = self.joined(" AND ", |phrase| {
            format!("\"{}\"{}", phrase.words.join(" "), if phrase.is_prefix { " *" } else { "" })
        });
        match scope {
            Scope::Post => all,
            Scope::Title => format!("{{title}} : ({all})"),
        }
    }

    /// As a `tsquery` of PostgreSQL (section 8.11.2 of its manual).
    pub(crate) fn tsquery(&self, scope: Scope) -> String {
        let weight = if scope == Scope::Title { "A" } else { "" };
        self.joined(" & ", |phrase| {
            let words: Vec<String> = phrase.words.iter().map(|word| format!("'{word}':{weight}")).collect();
            format!("({}{})", words.join(" <-> "), if phrase.is_prefix { "*" } else { "" })
        })
    }

    /// The posts of which PostgreSQL lost positions and that have the words, together or not: a `tsquery`, and a
    /// pattern of `LIKE` per phrase, between bars. The migration that made `posts_vector` tells of '|+'. `None` without
    /// a phrase, which alone needs positions.
    pub(crate) fn unsure(&self) -> Option<(String, String)> {
        let is_phrase = |phrase: &&Phrase| phrase.words.len() > 1;
        if !self.0.iter().any(|phrase| is_phrase(&phrase)) {
            return None;
        }
        let words = self.joined(" & ", |phrase| {
            let words: Vec<String> = phrase.words.iter().map(|word| format!("'{word}':")).collect();
            format!("{}{}", words.join(" & "), if phrase.is_prefix { "*" } else { "" })
        });
        let pattern =
            |phrase: &Phrase| format!("% {}{}%", phrase.words.join(" "), if phrase.is_prefix { "" } else { " " });
        let patterns: Vec<String> = self.0.iter().filter(is_phrase).map(pattern).collect();
        Some((format!("'|+' & {words}"), patterns.join("|")))
    }

    fn joined(&self, with: &str, render: impl Fn(&Phrase) -> String) -> String {
        self.0.iter().map(render).collect::<Vec<_>>().join(with)
    }
}

/// `None`: there is no word in it.
fn phrase(text: &str, is_prefix: bool) -> Option<Phrase> {
    let words: Vec<String> =
        text.split(|c| !is_word(c)).filter(|word| !word.chars().all(is_diacritic)).map(ToOwned::to_owned).collect();
    if words.is_empty() { None } else { Some(Phrase { words, is_prefix }) }
}

/// Letters, decimal digits, and the combining diacritics that folding drops: what both databases take for a word.
fn is_word(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
        || c.general_category() == GeneralCategory::DecimalNumber
        || is_diacritic(c)
}

/// Folding drops it, so that no word is made of it alone.
fn is_diacritic(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_would_cost_too_much_is_refused() {
        for text in ["a ".repeat(21), "a-".repeat(21), "ab* cd* ef* gh* ij*".to_owned()] {
            assert_eq!(Search::parse(&text), Err(NoSearch::TooMuch), "{text}");
        }
        assert!(Search::parse(&"a ".repeat(20)).is_ok() && Search::parse("日*").is_ok());
    }

    fn queries(text: &str) -> (String, String) {
        let search = Search::parse(text).unwrap();
        (search.fts5(Scope::Post), search.tsquery(Scope::Post))
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
    fn every_other_character_only_separates_words() {
        assert_eq!(queries(r"foo-bar' OR (x:y)").0, r#""foo bar" AND "OR" AND "x y""#);
        assert_eq!(queries(r#"say "hello"#).0, r#""say" AND "hello""#);
        for text in ["", "  ", "!!!", "\"\"", "*", "² ½", "\u{301}", "\"\u{301} \u{302}*"] {
            assert_eq!(Search::parse(text), Err(NoSearch::Empty), "{text}");
        }
    }
}
