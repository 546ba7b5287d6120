//! The rules for slugs: how one is derived from a title, shortened, and numbered until it is free.
//!
//! PostgreSQL repeats them in SQL for external writers, who insert posts without slugs: `posts_slug`,
//! `posts_numbered_slug`, and `posts_fill_slug` in `migrations/postgres/*_track_changes/up.sql`. Change both together.
//! `tests/api/posts/sql_slugs.rs` compares them on 500 titles, and shows where they differ: SQL transliterates only
//! Latin letters. On SQLite, no SQL repeats the rules, and an insert without a slug fails.

use crate::posts::validate::MAX_SLUG;

/// The slug of a title that has no character with an ASCII transliteration. `posts_slug` in SQL.
const FALLBACK: &str = "post";

/// Transliterates the title to lower-case ASCII, and replaces each run of characters other than letters and digits with
/// one hyphen. Cuts a slug that is longer than [`MAX_SLUG`] at the end of a word. `posts_slug` in SQL.
#[must_use]
pub fn from_title(title: &str) -> String {
    transliterate(title).unwrap_or_else(|| FALLBACK.to_owned())
}

/// Like [`from_title`], but returns `None` if no character has an ASCII transliteration.
pub(crate) fn transliterate(text: &str) -> Option<String> {
    let slug = slug::slugify(text);
    Some(cut(&slug, MAX_SLUG)).filter(|slug| !slug.is_empty()).map(str::to_owned)
}

/// `base`, `base-2`, `base-3`, …: the base is cut so that the result has at most [`MAX_SLUG`] bytes.
/// `posts_numbered_slug` in SQL.
#[must_use]
pub fn numbered(base: &str, number: u64) -> String {
    if number < 2 {
        return base.to_owned();
    }
    let suffix = format!("-{number}");
    format!("{}{suffix}", cut(base, MAX_SLUG - suffix.len()))
}

/// A search for an unused slug among `base`, `base-2`, `base-3`, …, one lookup at a time.
///
/// It doubles the number until a slug is unused, then does a binary search: the 10,000th post with the title "untitled"
/// takes at most 30 lookups.
/// `posts_fill_slug` in SQL.
#[derive(Debug, Default)]
pub struct FreeNumberSearch {
    /// The largest number that a lookup found in use.
    used: u64,
    /// The smallest number that a lookup found free.
    free: Option<u64>,
}

impl FreeNumberSearch {
    /// The number to look up next; `None` when the search has ended.
    #[must_use]
    pub fn candidate(&self) -> Option<u64> {
        match self.free {
            None => Some((self.used * 2).max(1)),
            Some(free) if free - self.used > 1 => Some(self.used.midpoint(free)),
            Some(_) => None,
        }
    }

    /// The smallest number found free so far.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        self.free
    }

    /// Records the result of a lookup.
    pub fn record(&mut self, number: u64, is_used: bool) {
        if is_used {
            self.used = number;
        } else {
            self.free = Some(number);
        }
    }
}

/// Finds an unused slug among `base`, `base-2`, `base-3`, …. This is the first unused slug, unless the used numbers
/// have gaps.
///
/// # Errors
/// Returns the first error of `is_used`.
pub fn find_free<E>(base: &str, mut is_used: impl FnMut(&str) -> Result<bool, E>) -> Result<String, E> {
    let mut search = FreeNumberSearch::default();
    while let Some(number) = search.candidate() {
        search.record(number, is_used(&numbered(base, number))?);
    }
    Ok(numbered(base, search.free().unwrap_or(1)))
}

/// The first `max` bytes, without the last word if it does not fit and is not the only one.
fn cut(slug: &str, max: usize) -> &str {
    let Some((head, tail)) = slug.split_at_checked(max) else { return slug };
    if tail.starts_with('-') {
        return head;
    }
    if tail.is_empty() { head } else { head.rsplit_once('-').map_or(head, |(words, _)| words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn titles_are_transliterated_to_ascii() {
        for (title, slug) in [
            ("Hello, World!", "hello-world"),
            ("Über größe Äpfel", "uber-grosse-apfel"),
            ("Ça ira — déjà vu", "ca-ira-deja-vu"),
            ("Привет мир", "privet-mir"),
            ("北京", "bei-jing"),
            ("!!!", "post"),
            ("   ", "post"),
        ] {
            assert_eq!(from_title(title), slug, "{title}");
        }
    }

    #[test]
    fn long_slugs_are_cut_at_the_end_of_a_word() {
        let title = "word ".repeat(60);
        let slug = from_title(&title);
        assert!(slug.len() <= MAX_SLUG && slug.ends_with("-word"), "{slug}");
        assert_eq!(from_title(&"x".repeat(200)).len(), MAX_SLUG);
        assert!(from_title(&"京".repeat(200)).len() <= MAX_SLUG);
        assert_eq!(numbered(&"x".repeat(200), 12).len(), MAX_SLUG);
    }

    #[test]
    fn free_numbers_take_few_lookups() {
        for count in [0, 1, 2, 3, 4, 5, 9_999] {
            let mut lookups = 0;
            let is_used = |slug: &str| {
                lookups += 1;
                let number = slug.strip_prefix("a").unwrap().trim_start_matches('-').parse().unwrap_or(1);
                Ok::<_, Infallible>(number <= count)
            };
            assert_eq!(find_free("a", is_used), Ok(numbered("a", count + 1)));
            assert!(lookups <= 30, "{lookups} lookups for {count}");
        }
    }
}
