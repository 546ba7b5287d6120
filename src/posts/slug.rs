//! The rules for slugs: how one is derived from a title, shortened, and numbered until it is free.
//!
//! PostgreSQL repeats them in SQL for external writers, who insert posts without slugs: `posts_slug`,
//! `posts_numbered_slug`, and `posts_fill_slug` in `migrations/postgres/*_track_changes/up.sql`. Change both together.
//! `tests/api/posts/sql_slugs.rs` compares them on 500 titles, and shows where they differ: SQL transliterates only
//! Latin letters. SQLite has no such rule; there, an insert without a slug fails.

use crate::posts::model::MAX_SLUG;

/// The slug of a title that has no character with an ASCII transliteration. `posts_slug` in SQL.
const FALLBACK: &str = "post";

/// The title transliterated to lower-case ASCII, with one hyphen for each run of other characters than letters and
/// digits. A slug over [`MAX_SLUG`] is cut at the end of a word. `posts_slug` in SQL.
#[must_use]
pub fn from_title(title: &str) -> String {
    let slug = slug::slugify(title);
    match cut(&slug, MAX_SLUG) {
        "" => FALLBACK.to_owned(),
        slug => slug.to_owned(),
    }
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

/// A search for a free slug among `base`, `base-2`, `base-3`, …, one lookup at a time.
///
/// It doubles the number until a slug is free, then halves the gap: the 10,000th "untitled" costs at most 30 lookups.
/// `posts_fill_slug` in SQL.
#[derive(Debug, Default)]
pub struct FreeNumber {
    taken: u64,
    free: Option<u64>,
}

impl FreeNumber {
    /// The number to look up next.
    ///
    /// # Errors
    /// The search has ended: the number in the error is free.
    pub fn look_up(&self) -> Result<u64, u64> {
        match self.free {
            None => Ok((self.taken * 2).max(1)),
            Some(free) if free - self.taken > 1 => Ok(self.taken.midpoint(free)),
            Some(free) => Err(free),
        }
    }

    /// Records the result of a lookup.
    pub fn note(&mut self, number: u64, is_taken: bool) {
        if is_taken {
            self.taken = number;
        } else {
            self.free = Some(number);
        }
    }
}

/// A free slug among `base`, `base-2`, `base-3`, …: the first one, unless there are gaps between the taken ones.
///
/// # Errors
/// Returns the first error of `is_taken`.
pub fn first_free<E>(base: &str, mut is_taken: impl FnMut(&str) -> Result<bool, E>) -> Result<String, E> {
    let mut search = FreeNumber::default();
    loop {
        match search.look_up() {
            Ok(number) => search.note(number, is_taken(&numbered(base, number))?),
            Err(free) => return Ok(numbered(base, free)),
        }
    }
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
            let taken = |slug: &str| {
                lookups += 1;
                let number = slug.strip_prefix("a").unwrap().trim_start_matches('-').parse().unwrap_or(1);
                Ok::<_, Infallible>(number <= count)
            };
            assert_eq!(first_free("a", taken), Ok(numbered("a", count + 1)));
            assert!(lookups <= 30, "{lookups} lookups for {count}");
        }
    }
}
