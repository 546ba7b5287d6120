//! The URL of the site, for which Ghost exports have a placeholder.

use std::borrow::Cow;
use std::str::FromStr;

use url::Url;

use crate::transfer::report::Mapping;

/// The placeholder.
pub(super) const PLACEHOLDER: &str = "__GHOST_URL__";

/// The URL that replaces the placeholder, if it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteUrl(Option<String>);

/// The text is not the URL of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an https: or http: URL without a query, such as https://example.com/blog")]
pub struct InvalidSiteUrl;

impl FromStr for SiteUrl {
    type Err = InvalidSiteUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSiteUrl> {
        // `Url` would complete `https:host`.
        if !text.contains("://") || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(InvalidSiteUrl);
        }
        let url = Url::parse(text).map_err(|_| InvalidSiteUrl)?;
        let is_site = matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none();
        if is_site { Ok(Self(Some(text.trim_end_matches('/').to_owned()))) } else { Err(InvalidSiteUrl) }
    }
}

impl SiteUrl {
    /// Completes a URL that begins with the placeholder.
    pub(super) fn complete<'a>(&self, url: &'a str) -> Cow<'a, str> {
        match (&self.0, url.trim_start().strip_prefix(PLACEHOLDER)) {
            (Some(site), Some(path)) => Cow::Owned(format!("{site}{path}")),
            _ => Cow::Borrowed(url),
        }
    }

    /// Completes the URLs in a content.
    pub(super) fn complete_content(&self, content: String, mapping: &mut Mapping) -> String {
        if !content.contains(PLACEHOLDER) {
            return content;
        }
        if let Some(site) = &self.0 {
            mapping.mapped.increment("posts with URLs that --site-url completed");
            return content.replace(PLACEHOLDER, site);
        }
        mapping.unmapped.increment("posts with the placeholder __GHOST_URL__ (complete it with --site-url)");
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_sites_are_accepted() {
        for (text, completed) in [
            ("https://example.com", "https://example.com/a.jpg"),
            ("http://localhost:2368/", "http://localhost:2368/a.jpg"),
            ("https://example.com/blog//", "https://example.com/blog/a.jpg"),
        ] {
            let site: SiteUrl = text.parse().unwrap();
            assert_eq!(site.complete("__GHOST_URL__/a.jpg"), completed);
            assert_eq!(site.complete("/__GHOST_URL__/a.jpg"), "/__GHOST_URL__/a.jpg");
        }
        assert_eq!(SiteUrl::default().complete("__GHOST_URL__/a.jpg"), "__GHOST_URL__/a.jpg");
        for text in [
            "", "example.com", "//example.com", "https:example.com", "https://", "ftp://example.com", "javascript://x",
            "https://example.com/?a", "https://example.com/#a", "https://example.com/a b", " https://example.com",
        ] {
            assert_eq!(text.parse::<SiteUrl>(), Err(InvalidSiteUrl), "{text}");
        }
    }
}
