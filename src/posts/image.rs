//! The image of a post: a URL or a path, and its alternative text.

use url::Url;

use crate::validation::Invalid;

/// The maximum length of an image URL or path, in characters, after trimming.
pub const MAX_IMAGE: usize = 2000;
/// The maximum length of an alternative text, in characters.
pub const MAX_IMAGE_ALT: usize = 500;

/// Trims the location of an image and checks it: an `https:` or `http:` URL with a host, or an absolute path.
///
/// Everything else is rejected, because a page that shows the image could run it (`javascript:`), or load it from a
/// host that its author does not see (`//host` and `/\host`, which browsers treat alike).
///
/// # Errors
/// The text is too long, contains white space or control characters, or is neither such a URL nor such a path.
pub fn location(text: String) -> Result<String, Invalid> {
    let image = text.trim();
    if image.chars().count() > MAX_IMAGE {
        return Err(Invalid::new("too_long", format!("must be at most {MAX_IMAGE} characters")));
    }
    if image.contains(|c: char| c.is_whitespace() || c.is_control()) || !(is_path(image) || is_url(image)) {
        return Err(Invalid::new(
            "format",
            "must be an https: or http: URL, or a path that begins with one slash, without white space",
        ));
    }
    Ok(image.to_owned())
}

fn is_path(image: &str) -> bool {
    image.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\']))
}

fn is_url(image: &str) -> bool {
    // `Url` would complete `https:host`.
    let has_authority = image.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
    has_authority && Url::parse(image).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// Checks an alternative text. An empty one marks a decorative image, as in HTML.
///
/// # Errors
/// The text is too long, or contains control characters.
pub fn alt(text: String) -> Result<String, Invalid> {
    if text.chars().count() > MAX_IMAGE_ALT {
        return Err(Invalid::new("too_long", format!("must be at most {MAX_IMAGE_ALT} characters")));
    }
    if text.contains(char::is_control) {
        return Err(Invalid::new("format", "must not contain control characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_urls_and_absolute_paths() {
        for image in
            ["/a.png", "/", "https://example.com/ä.png?x=1#y", "HTTP://example.com", " /a.png\n", "https://[::1]:8/a"]
        {
            assert_eq!(location(image.into()).unwrap(), image.trim());
        }
        for image in [
            "", "a.png", "./a.png", "//example.com/a.png", "/\\example.com", "javascript:alert(1)", "data:image/png,",
            "https:", "https://", "https:example.com", "https:///a", "ftp://example.com/", "/a b", "java\nscript:a",
            "/a\u{7}", "https://exa mple.com", "blob:https://example.com/a",
        ] {
            assert_eq!(location(image.into()).unwrap_err().code, "format", "{image:?}");
        }
        assert!(location(format!("/{}", "é".repeat(1999))).is_ok());
        assert_eq!(location(format!("/{}", "é".repeat(2000))).unwrap_err().code, "too_long");
    }

    #[test]
    fn alternative_texts_may_be_empty() {
        assert_eq!(alt(String::new()).unwrap(), "");
        assert_eq!(alt("é".repeat(500)).unwrap().chars().count(), 500);
        assert_eq!(alt("é".repeat(501)).unwrap_err().code, "too_long");
        assert_eq!(alt("a\nb".into()).unwrap_err().code, "format");
    }
}
