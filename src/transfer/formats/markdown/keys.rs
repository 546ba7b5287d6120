//! The keys of front matter that have a meaning. All other keys become metadata.
//!
//! Keys are compared without case, hyphens, and underscores: `pubDate`, `pub_date`, and `pubdate` are the same key. Of
//! several keys with one meaning, the first in these lists is used.

use crate::transfer::formats::markdown::front_matter::FrontMatterValue;

pub(super) const TITLE: &[&str] = &["title"];
pub(super) const SLUG: &[&str] = &["slug"];
/// The date of publication.
pub(super) const DATE: &[&str] = &[
    "date", "publishdate", "pubdate", "pubdatetime", "published", "datepublished", "publishedat", "publishedon",
    "publisheddate",
];
/// The keys in [`DATE`] with which Hugo and others delay the publication, whatever the others say.
pub(super) const PUBLISH_DATE: &[&str] = &["publishdate", "pubdate", "pubdatetime", "datepublished", "publishedat"];
pub(super) const UPDATED: &[&str] = &[
    "updated", "updateddate", "moddatetime", "lastmod", "updatedat", "modified", "lastmodified", "lastmodifiedat",
    "datemodified", "lastupdated",
];
pub(super) const CREATED: &[&str] = &["createdat", "created", "datecreated"];
/// Written by exports only.
pub(super) const SCHEDULED_FOR: &[&str] = &["scheduledfor"];
/// The date from which Hugo no longer publishes a post.
pub(super) const EXPIRES: &[&str] =
    &["expirydate", "unpublishdate", "expirationdate", "expires", "expiresat", "unpublishat", "unpublishon"];
pub(super) const DRAFT: &[&str] = &["draft"];
pub(super) const PUBLISHED: &[&str] = &["published"];
/// Keys that hide a post if they are true.
pub(super) const HIDDEN: &[&str] = &[
    "isdraft", "private", "isprivate", "hidden", "ishidden", "unlisted", "isunlisted", "unpublished", "protected",
    "deleted", "trashed", "wip", "headless", "eleventyexcludefromcollections",
];
/// Keys that hide a post if they are false.
pub(super) const SHOWN: &[&str] =
    &["ispublished", "publish", "public", "ispublic", "visible", "isvisible", "listed", "render"];
/// A state in words, as some editors write it.
pub(super) const STATUS: &[&str] = &["status", "poststatus", "state"];
pub(super) const VISIBILITY: &[&str] = &["visibility"];
pub(super) const PASSWORD: &[&str] = &["password"];
/// The table of Hugo, with `render` and `list`.
pub(super) const BUILD: &[&str] = &["build"];
pub(super) const DESCRIPTION: &[&str] = &["description", "subtitle", "summary", "excerpt", "spoiler", "seodescription"];
pub(super) const IMAGE: &[&str] =
    &["image", "cover", "coverimage", "heroimage", "banner", "thumbnail", "ogimage", "featuredimage", "featureimage"];
pub(super) const IMAGE_ALT: &[&str] =
    &["imagealt", "coveralt", "coverimagealt", "heroimagealt", "heroalt", "featuredimagealt", "featureimagealt"];
pub(super) const AUTHORS: &[&str] = &["authors", "author"];
pub(super) const TAGS: &[&str] = &["tags", "tag", "categories", "category"];
/// The table of Zola with tags and categories.
pub(super) const TAXONOMIES: &[&str] = &["taxonomies"];
pub(super) const ALIASES: &[&str] = &["aliases", "redirectfrom"];
/// Written by exports: whether content is null or empty, which a file without text does not show.
pub(super) const CONTENT: &[&str] = &["content"];
pub(super) const METADATA: &[&str] = &["metadata"];

/// The members of a file's front matter that have not been used yet.
#[derive(Debug)]
pub(super) struct Members {
    unused: Vec<(String, FrontMatterValue)>,
    /// Whether the file has [`SCHEDULED_FOR`], even if it is null.
    pub(super) has_schedule: bool,
}

impl Members {
    /// Omits the members that are null: they have the same meaning as absent ones.
    pub(super) fn new(mut members: Vec<(String, FrontMatterValue)>) -> Self {
        let has_schedule = members.iter().any(|(name, _)| SCHEDULED_FOR.contains(&folded(name).as_str()));
        members.retain(|(_, value)| !value.is_null());
        Self { unused: members, has_schedule }
    }

    /// Removes the first value of these keys that `read` accepts, and returns the result.
    pub(super) fn take<T>(
        &mut self,
        keys: &[&str],
        mut read: impl FnMut(&str, &FrontMatterValue) -> Option<T>,
    ) -> Option<T> {
        for key in keys {
            for index in 0..self.unused.len() {
                let Some((name, value)) = self.unused.get(index).filter(|(name, _)| folded(name) == *key) else {
                    continue;
                };
                if let Some(value) = read(name, value) {
                    self.unused.remove(index);
                    return Some(value);
                }
            }
        }
        None
    }

    /// All values of these keys that `read` accepts, in the order of `keys`.
    pub(super) fn take_all<T>(
        &mut self,
        keys: &[&str],
        mut read: impl FnMut(&str, &FrontMatterValue) -> Option<T>,
    ) -> Vec<T> {
        std::iter::from_fn(|| self.take(keys, &mut read)).collect()
    }

    /// The value of the first of these keys that `read` accepts. It stays a member.
    pub(super) fn find<T>(&self, keys: &[&str], read: impl Fn(&FrontMatterValue) -> Option<T>) -> Option<T> {
        let has_key = |name: &str| keys.contains(&folded(name).as_str());
        self.unused.iter().filter(|(name, _)| has_key(name)).find_map(|(_, value)| read(value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &FrontMatterValue)> {
        self.unused.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether the file has the times of an export, exactly as they are stored.
    pub(super) fn has_stored_times(&self) -> bool {
        ["created_at", "updated", "draft"].iter().all(|key| self.iter().any(|(name, _)| name == *key))
    }

    /// The remaining members.
    pub(super) fn into_rest(self) -> Vec<(String, FrontMatterValue)> {
        self.unused
    }
}

/// The name without case, hyphens, and underscores.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase()
}
