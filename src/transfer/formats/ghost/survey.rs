//! The first reading of an export: collects what the tables beside `posts` say about the posts.

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::ghost::tables::{GhostRow, GhostTable, read_tables};
use crate::transfer::formats::json_members::JsonMembers;
use crate::transfer::formats::json_scanner::RawJson;
use crate::transfer::lookup_table::{Entry, LookupTable};

/// The columns of `posts_meta` that become fields or metadata. They were in `posts` before Ghost 3.
pub(super) const META_COLUMNS: &[&str] = &[
    "post_id", "email_only", "feature_image_alt", "feature_image_caption", "frontmatter", "meta_title",
    "meta_description", "og_image", "og_title", "og_description", "twitter_image", "twitter_title",
    "twitter_description",
];

// The kinds of values in the table, with their keys.
/// The columns of `posts_meta` as JSON, by the id of the post.
const META: &str = "meta";
/// A post that Ghost only sends by email.
const EMAIL_ONLY: &str = "email_only";
const TAG: &str = "tag";
const USER: &str = "user";
/// The id of a tag, by the id of the post.
const POST_TAG: &str = "post_tag";
/// The id of a user, by the id of the post.
const POST_AUTHOR: &str = "post_author";

/// The rows of other tables, by the ids of the posts.
pub(crate) struct GhostSurvey {
    table: LookupTable,
    /// Whether the whole site asks for a password.
    is_private: bool,
}

/// What other tables say about a post.
#[derive(Debug, Default)]
pub(super) struct GhostReferences {
    /// The names in their order. Those of internal tags begin with `#`.
    pub(super) tags: Vec<String>,
    pub(super) authors: Vec<String>,
    /// The number of ids in `tags` and `authors` that the file does not define.
    pub(super) undefined: u64,
    /// The [`META_COLUMNS`] of the post, as JSON objects.
    pub(super) meta: Vec<String>,
    pub(super) is_email_only: bool,
    pub(super) is_private: bool,
}

impl GhostSurvey {
    /// Reads the whole file, so that a malformed file is refused before any post is stored.
    pub(crate) fn read(input: impl BufRead) -> Result<Self, Error> {
        let mut survey = Self { table: LookupTable::create()?, is_private: false };
        read_tables(input, &mut |GhostRow { table, number, json }| {
            if table == GhostTable::Posts {
                return Ok(());
            }
            let RawJson::Text(json) = json else {
                // The row may say that a post is not public.
                return if table.decides_visibility() {
                    Err(Error::Format(format!("row {number} of the table {} is too long", table.name())))
                } else {
                    Ok(())
                };
            };
            if !json.starts_with(b"{") {
                return Ok(());
            }
            survey.add(table, &json)?.or_else(|reason| {
                if table.decides_visibility() {
                    let name = table.name();
                    return Err(Error::Format(format!("row {number} of the table {name} is invalid: {reason}")));
                }
                // The import then misses the name of a tag or an author, which the report counts.
                Ok(())
            })
        })?;
        survey.table.finish()?;
        Ok(survey)
    }

    /// Adds a row. The inner error says why the row is invalid.
    fn add(&mut self, table: GhostTable, json: &[u8]) -> Result<Result<(), String>, Error> {
        let columns = match table {
            GhostTable::Posts => return Ok(Ok(())),
            GhostTable::PostsMeta => META_COLUMNS,
            GhostTable::Settings => &["key", "value"],
            GhostTable::Tags => &["id", "name", "visibility"],
            GhostTable::Users => &["id", "name"],
            GhostTable::PostsTags => &["post_id", "tag_id", "sort_order"],
            GhostTable::PostsAuthors => &["post_id", "author_id", "sort_order"],
        };
        let row = match JsonMembers::parse(json, columns) {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        };
        match table {
            GhostTable::Posts => Ok(()),
            GhostTable::PostsMeta => self.add_meta(&row),
            GhostTable::Settings => {
                let is_flag = row.raw("key").is_some_and(|key| word(key) == "is_private");
                self.is_private |= is_flag && is_true(row.raw("value"));
                Ok(())
            }
            GhostTable::Tags => self.insert(TAG, row.raw("id"), None, tag_name(&row)),
            GhostTable::Users => self.insert(USER, row.raw("id"), None, row.text("name").ok().flatten()),
            GhostTable::PostsTags => {
                self.insert(POST_TAG, row.raw("post_id"), row.raw("sort_order"), row.raw("tag_id").map(word))
            }
            GhostTable::PostsAuthors => {
                self.insert(POST_AUTHOR, row.raw("post_id"), row.raw("sort_order"), row.raw("author_id").map(word))
            }
        }
        .map(Ok)
    }

    fn add_meta(&mut self, row: &JsonMembers<'_>) -> Result<(), Error> {
        if is_true(row.raw("email_only")) {
            self.insert(EMAIL_ONLY, row.raw("post_id"), None, Some(String::new()))?;
        }
        let names = META_COLUMNS.iter().filter(|name| !matches!(**name, "post_id" | "email_only"));
        let columns =
            names.filter(|name| !row.is_null(name)).map(|name| Some(format!("\"{name}\":{}", row.raw(name)?)));
        let columns: Vec<String> = columns.flatten().collect();
        if columns.is_empty() {
            return Ok(());
        }
        self.insert(META, row.raw("post_id"), None, Some(format!("{{{}}}", columns.join(","))))
    }

    /// Inserts a value if it has a key.
    fn insert(
        &mut self,
        kind: &'static str,
        key: Option<&str>,
        sort_order: Option<&str>,
        value: Option<String>,
    ) -> Result<(), Error> {
        let (Some(key), Some(value)) = (key.map(word), value) else { return Ok(()) };
        let position = sort_order.and_then(|order| word(order).parse().ok()).unwrap_or_default();
        self.table.insert(Entry { kind, key: &key, position, value: &value })
    }

    /// What the other tables say about the post with this id. Before Ghost 1.22, its only author is in its own row.
    pub(super) fn references(&mut self, id: &str, author_id: Option<&str>) -> Result<GhostReferences, Error> {
        let mut references = GhostReferences {
            meta: self.table.values(META, id)?,
            is_email_only: self.is_email_only(id)?,
            is_private: self.is_private,
            ..GhostReferences::default()
        };
        let mut author_ids = self.table.values(POST_AUTHOR, id)?;
        if author_ids.is_empty() {
            author_ids.extend(author_id.map(str::to_owned));
        }
        let tag_ids = self.table.values(POST_TAG, id)?;
        for (kind, ids, names) in [(TAG, tag_ids, &mut references.tags), (USER, author_ids, &mut references.authors)] {
            for id in ids {
                match self.table.value(kind, &id)? {
                    Some(name) => names.push(name),
                    None => references.undefined += 1,
                }
            }
        }
        Ok(references)
    }

    fn is_email_only(&mut self, id: &str) -> Result<bool, Error> {
        self.table.value(EMAIL_ONLY, id).map(|value| value.is_some())
    }
}

/// The name of a tag, which begins with `#` if the tag is internal.
fn tag_name(row: &JsonMembers<'_>) -> Option<String> {
    let name = row.text("name").ok().flatten()?;
    let is_internal = row.raw("visibility").is_some_and(|visibility| word(visibility) == "internal");
    Some(if is_internal && !name.starts_with('#') { format!("#{name}") } else { name })
}

/// A string without its quotation marks and escapes, or the JSON text of any other value. The id of a post is a number
/// in old versions of Ghost.
pub(super) fn word(raw: &str) -> String {
    serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
}

/// Whether a column that Ghost writes as a boolean, a number, or a text is true. An unknown value counts as true, so
/// that it does not make a post public.
pub(super) fn is_true(raw: Option<&str>) -> bool {
    !matches!(raw, None | Some("null" | "false" | "0" | "\"\"" | "\"0\"" | "\"false\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(data: &str) -> Result<GhostSurvey, Error> {
        GhostSurvey::read(format!("{{\"data\":{{\"posts\":[],{data}}}}}").as_bytes())
    }

    #[test]
    fn flags_and_ids_are_read_in_every_form() {
        for (meta, expected) in [
            ("{\"post_id\":\"a\",\"email_only\":1}", true),
            ("{\"post_id\":\"a\",\"email_only\":true,\"x\":[[1e999]]}", true),
            ("{\"post_id\":\"\\u0061\",\"email_only\":\"1\"}", true),
            ("{\"post_id\":\"a\",\"email_only\":\"weekly\"}", true),
            ("{\"post_id\":\"a\",\"email_only\":0}", false),
            ("{\"post_id\":\"a\",\"email_only\":null}", false),
            ("{\"post_id\":\"a\"}", false),
            ("{\"post_id\":\"b\",\"email_only\":1}", false),
            ("{\"post_id\":\"a\",\"email_only\":0},{\"post_id\":\"a\",\"email_only\":1}", true),
        ] {
            let mut survey = survey(&format!("\"posts_meta\":[{meta}]")).unwrap();
            assert_eq!(survey.is_email_only("a").unwrap(), expected, "{meta}");
        }
        let error = survey("\"posts_meta\":[{\"post_id\":\"a\",\"email_only\":1,\"email_only\":0}]").err().unwrap();
        assert!(error.to_string().contains("\"email_only\" is repeated"));
        assert!(survey("\"posts_meta\":[{\"post_id\":7,\"email_only\":true}]").unwrap().is_email_only("7").unwrap());
    }

    #[test]
    fn names_follow_the_order_of_the_post() {
        let mut survey = survey(
            "\"posts_tags\":[{\"post_id\":1,\"tag_id\":\"b\",\"sort_order\":2},{\"post_id\":\"1\",\"tag_id\":\"a\",\
             \"sort_order\":\"1\"},{\"post_id\":1,\"tag_id\":\"none\"},{\"post_id\":2,\"tag_id\":\"b\"},7],\
             \"posts_authors\":[{\"post_id\":1,\"author_id\":4}],\
             \"tags\":[{\"id\":\"a\",\"name\":\"A\"},\
             {\"id\":\"b\",\"name\":\"b\",\"visibility\":\"internal\"},[1e999]],\
             \"users\":[{\"id\":4,\"name\":\"Ann\"},{\"id\":5,\"name\":\"Bob\"},{\"id\":6,\"name\":1}]",
        )
        .unwrap();
        let first = survey.references("1", Some("5")).unwrap();
        assert_eq!(
            (first.tags, first.authors, first.undefined),
            (vec!["A".into(), "#b".into()], vec!["Ann".into()], 1)
        );
        let second = survey.references("2", Some("5")).unwrap();
        assert_eq!((second.tags, second.authors), (vec!["#b".to_owned()], vec!["Bob".to_owned()]));
        assert_eq!(survey.references("3", Some("6")).unwrap().undefined, 1);
    }
}
