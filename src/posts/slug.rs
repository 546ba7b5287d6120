//! Slugs that the service makes: from a title, and free.

use crate::posts::model::MAX_SLUG;

/// For a title with nothing in it that ASCII can spell.
const FALLBACK: &str = "post";

/// The title in ASCII, lower case, with hyphens for all that is neither letter nor digit, cut at a word where it is
/// too long.
#[must_use]
pub fn from_title(title: &str) -> String {
    let slug = slug::slugify(title);
    match cut(&slug, MAX_SLUG) {
        "" => FALLBACK.to_owned(),
        slug => slug.to_owned(),
    }
}

/// `base`, or `base-2`, `base-3` … cut so that it stays within the limit.
#[must_use]
pub fn numbered(base: &str, number: u64) -> String {
    if number < 2 {
        return base.to_owned();
    }
    let suffix = format!("-{number}");
    format!("{}{suffix}", cut(base, MAX_SLUG - suffix.len()))
}

/// The search for a free slug among `base`, `base-2`, `base-3` …, one look-up after the other.
///
/// Doubles the number until a free one is met, then halves the gap, so that the ten-thousandth "untitled" costs
/// under thirty look-ups.
#[derive(Debug, Default)]
pub struct FreeNumber {
    taken: u64,
    free: Option<u64>,
}

impl FreeNumber {
    /// The number to look up next.
    ///
    /// # Errors
    /// There is none: this one was found free.
    pub fn look_up(&self) -> Result<u64, u64> {
        match self.free {
            None => Ok((self.taken * 2).max(1)),
            Some(free) if free - self.taken > 1 => Ok(self.taken.midpoint(free)),
            Some(free) => Err(free),
        }
    }

    /// What the look-up of [`FreeNumber::look_up`] answered.
    pub fn note(&mut self, number: u64, is_taken: bool) {
        if is_taken {
            self.taken = number;
        } else {
            self.free = Some(number);
        }
    }
}

/// A free slug among `base`, `base-2`, `base-3` …: the first one where none has been freed in between.
///
/// # Errors
/// Those of `is_taken`.
pub fn first_free<E>(base: &str, mut is_taken: impl FnMut(&str) -> Result<bool, E>) -> Result<String, E> {
    let mut search = FreeNumber::default();
    loop {
        match search.look_up() {
            Ok(number) => search.note(number, is_taken(&numbered(base, number))?),
            Err(free) => return Ok(numbered(base, free)),
        }
    }
}

/// At most `max` bytes, at the end of a word where one ends in there.
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
    fn titles_are_transliterated() {
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
    fn a_long_slug_is_cut_at_a_word() {
        let title = "word ".repeat(60);
        let slug = from_title(&title);
        assert!(slug.len() <= MAX_SLUG && slug.ends_with("-word"), "{slug}");
        assert_eq!(from_title(&"x".repeat(200)).len(), MAX_SLUG);
        assert!(from_title(&"京".repeat(200)).len() <= MAX_SLUG);
        assert_eq!(numbered(&"x".repeat(200), 12).len(), MAX_SLUG);
    }

    #[test]
    fn the_first_free_number_is_found_in_few_look_ups() {
        for count in [0, 1, 2, 3, 4, 5, 9_999] {
            let mut look_ups = 0;
            let taken = |slug: &str| {
                look_ups += 1;
                let number = slug.strip_prefix("a").unwrap().trim_start_matches('-').parse().unwrap_or(1);
                Ok::<_, Infallible>(number <= count)
            };
            assert_eq!(first_free("a", taken), Ok(numbered("a", count + 1)));
            assert!(look_ups <= 30, "{look_ups} look-ups for {count}");
        }
    }
}
