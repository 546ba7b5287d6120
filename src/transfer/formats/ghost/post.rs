//! A row of the table `posts`.

use crate::db::Timestamp;
use crate::transfer::formats::dates;
use crate::transfer::formats::external_post::{ExternalPost, ExternalStatus, PAGES, UNDATED};
use crate::transfer::formats::ghost::documents::{check_empty_lexical, markdown_in_mobiledoc};
use crate::transfer::formats::ghost::fields::GhostFields;
use crate::transfer::formats::ghost::gating::{has_gated_blocks, public_html};
use crate::transfer::formats::ghost::site_url::SiteUrl;
use crate::transfer::formats::ghost::survey::{GhostReferences, is_true, word};
use crate::transfer::formats::json_members::JsonMembers;
use crate::transfer::printable::quoted;
use crate::transfer::report::{Counts, Mapping};

/// The columns that the import reads. Which of them exist depends on the version of Ghost.
const COLUMNS: &[&str] = &[
    "id", "title", "slug", "html", "markdown", "mobiledoc", "lexical", "status", "visibility", "email_only", "type",
    "page", "created_at", "updated_at", "published_at", "author_id", "authors", "tags", "custom_excerpt", "featured",
    "feature_image", "image", "canonical_url", "codeinjection_head", "codeinjection_foot", "custom_template", "locale",
    "feature_image_alt", "feature_image_caption", "frontmatter", "meta_title", "meta_description", "og_image",
    "og_title", "og_description", "twitter_image", "twitter_title", "twitter_description",
];

/// The columns of one post.
pub(super) struct GhostPost<'a>(JsonMembers<'a>);

impl<'a> GhostPost<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, String> {
        match JsonMembers::parse(json, COLUMNS) {
            Ok(columns) => Ok(Self(columns)),
            Err(reason) => Err(format!("not a Ghost post: {reason}")),
        }
    }

    /// Converts the post. `references` are the rows of other tables that belong to it.
    ///
    /// # Errors
    /// A column is invalid, or the post has content only in a format that Ghost alone can render.
    pub(super) fn into_post(
        self,
        references: &GhostReferences,
        site: &SiteUrl,
        mapping: &mut Mapping,
    ) -> Result<ExternalPost, String> {
        let content = self.content()?;
        let published_at = self.time("published_at")?;
        let created_at = self.time("created_at")?.or(published_at);
        let updated_at = self.time("updated_at")?.or(created_at);
        let mut post = ExternalPost {
            title: self.0.text("title")?.unwrap_or_default(),
            slug: self.0.text("slug")?.unwrap_or_default().trim().to_owned(),
            content: content.map(|content| site.complete_content(content, mapping)),
            created_at,
            updated_at,
            ..ExternalPost::default()
        };
        let unmapped = &mut mapping.unmapped;
        post.status = self.status(published_at.or(created_at), references, &mut post.notes, unmapped);
        if !remove_gated_blocks(&mut post) {
            unmapped.increment("posts with malformed members-only blocks imported as drafts");
        }
        GhostFields { columns: &self.0, references, site, fields: &mut post.fields, mapping }.set()?;
        Ok(post)
    }

    /// The id, by which other tables refer to the post.
    pub(super) fn id(&self) -> String {
        self.word("id").unwrap_or_default()
    }

    pub(super) fn author_id(&self) -> Option<String> {
        self.word("author_id").filter(|_| !self.0.is_null("author_id"))
    }

    /// What the import counts instead of importing the row.
    pub(super) fn skip_reason(&self, with_pages: bool) -> Option<&'static str> {
        let is_page = match self.word("type").as_deref() {
            Some("post") => false,
            Some("page") => true,
            // Old versions mark a page in another column.
            None | Some("null") => is_true(self.0.raw("page")),
            Some(_) => return Some("rows other than posts and pages not imported"),
        };
        (is_page && !with_pages).then_some(PAGES)
    }

    /// The status, which is a draft unless Ghost shows the post to everyone.
    fn status(
        &self,
        at: Option<Timestamp>,
        references: &GhostReferences,
        notes: &mut Vec<String>,
        unmapped: &mut Counts,
    ) -> ExternalStatus {
        let status = self.word("status");
        let is_scheduled = match status.as_deref() {
            Some("published") => false,
            Some("scheduled") => true,
            Some("draft") => return ExternalStatus::Draft,
            Some("sent") => {
                unmapped.increment(EMAIL_ONLY);
                return ExternalStatus::Draft;
            }
            status => {
                unmapped.increment("posts with an unknown status imported as drafts");
                notes.extend(status.map(|status| format!("the status {} is unknown", quoted(status))));
                return ExternalStatus::Draft;
            }
        };
        let reason = self.private_reason(references, notes);
        match at {
            Some(at) if reason.is_none() && is_scheduled => ExternalStatus::Scheduled(at),
            Some(at) if reason.is_none() => ExternalStatus::Published(at),
            _ => {
                unmapped.increment(reason.unwrap_or(UNDATED));
                ExternalStatus::Draft
            }
        }
    }

    /// Why Ghost does not show the post to everyone. `None` if it does.
    fn private_reason(&self, references: &GhostReferences, notes: &mut Vec<String>) -> Option<&'static str> {
        if references.is_email_only || is_true(self.0.raw("email_only")) {
            return Some(EMAIL_ONLY);
        }
        match self.word("visibility").as_deref() {
            // Old versions have no such column.
            None | Some("public") if references.is_private => Some("posts of a private site imported as drafts"),
            None | Some("public") => None,
            Some("members" | "paid" | "tiers") => Some("members-only posts imported as drafts"),
            Some(visibility) => {
                notes.push(format!("the visibility {} is unknown", quoted(visibility)));
                Some("posts with an unknown visibility imported as drafts")
            }
        }
    }

    /// The HTML, which every version of Ghost renders, or else the Markdown source.
    fn content(&self) -> Result<Option<String>, String> {
        let text = |name| Ok::<_, String>(self.0.text(name)?.filter(|text| !text.is_empty()));
        if let Some(html) = text("html")? {
            return Ok(Some(html));
        }
        if let Some(markdown) = text("markdown")? {
            return Ok(Some(markdown));
        }
        if let Some(document) = text("mobiledoc")? {
            return markdown_in_mobiledoc(&document);
        }
        if let Some(document) = text("lexical")? {
            check_empty_lexical(&document)?;
        }
        Ok(None)
    }

    /// A column with a word or an id. `None` if it is absent.
    fn word(&self, name: &str) -> Option<String> {
        self.0.raw(name).map(word)
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let Some(raw) = self.0.raw(name) else { return Ok(None) };
        let parsed = match serde_json::from_str::<String>(raw) {
            Ok(text) => dates::parse(&text),
            Err(_) if self.0.is_null(name) => Ok(None),
            Err(_) => raw.parse().map_err(|_| ()).and_then(dates::from_milliseconds),
        };
        parsed.map_err(|()| format!("/{name}: {} is not a date", quoted(&word(raw))))
    }
}

const EMAIL_ONLY: &str = "email-only posts imported as drafts";

/// Removes the members-only blocks of a post that becomes public. A post with malformed blocks becomes a draft, and the
/// result is `false`.
fn remove_gated_blocks(post: &mut ExternalPost) -> bool {
    let Some(content) = post.content.as_mut().filter(|content| has_gated_blocks(content)) else { return true };
    if post.status == ExternalStatus::Draft {
        post.notes.push("the draft has members-only blocks; remove them before you publish it".to_owned());
        return true;
    }
    let Ok(public) = public_html(content) else {
        post.status = ExternalStatus::Draft;
        post.notes.push("the post has malformed members-only blocks; it becomes a draft".to_owned());
        return false;
    };
    *content = public.html;
    if public.removed > 0 {
        post.notes.push(format!("members-only blocks removed: {}", public.removed));
    }
    true
}
