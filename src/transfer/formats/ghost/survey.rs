//! The first reading of an export: finds out which posts the site shows to some readers only.

use std::collections::HashSet;
use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::ghost::tables::{GhostRow, GhostTable, read_tables};
use crate::transfer::formats::json_members::JsonMembers;
use crate::transfer::formats::json_scanner::RawJson;

/// What the tables beside `posts` say about the posts.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The ids of the posts that Ghost only sends by email.
    email_only: HashSet<String>,
    /// Whether the whole site asks for a password.
    pub(super) is_private: bool,
}

impl Survey {
    /// Reads the whole file, so that a malformed file is refused before any post is stored.
    pub(crate) fn read(input: impl BufRead) -> Result<Self, Error> {
        let mut survey = Self::default();
        read_tables(input, &mut |GhostRow { table, number, json }| {
            let RawJson::Text(json) = json else {
                // The row may say that a post is not public.
                return match table {
                    GhostTable::PostsMeta | GhostTable::Settings => {
                        Err(Error::Format(format!("row {number} of the table {} is too long", table.name())))
                    }
                    _ => Ok(()),
                };
            };
            if !json.starts_with(b"{") {
                return Ok(());
            }
            let added = match table {
                GhostTable::PostsMeta => survey.add_meta(&json),
                GhostTable::Settings => survey.add_setting(&json),
                _ => Ok(()),
            };
            added.map_err(|reason| {
                Error::Format(format!("row {number} of the table {} is invalid: {reason}", table.name()))
            })
        })?;
        Ok(survey)
    }

    pub(super) fn is_email_only(&self, id: &str) -> bool {
        self.email_only.contains(id)
    }

    fn add_meta(&mut self, json: &[u8]) -> Result<(), String> {
        let row = JsonMembers::parse(json, &["post_id", "email_only"])?;
        if is_true(row.raw("email_only")) {
            self.email_only.extend(row.raw("post_id").map(word));
        }
        Ok(())
    }

    fn add_setting(&mut self, json: &[u8]) -> Result<(), String> {
        let row = JsonMembers::parse(json, &["key", "value"])?;
        self.is_private |= row.raw("key").is_some_and(|key| word(key) == "is_private") && is_true(row.raw("value"));
        Ok(())
    }
}

/// A string without its quotation marks and escapes, or the JSON text of any other value. The id of a post is a number in
/// old versions of Ghost.
pub(super) fn word(raw: &str) -> String {
    serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
}

/// Whether a column that Ghost writes as a boolean, a number, or a text is true. An unknown value counts as true, so that
/// it does not make a post public.
pub(super) fn is_true(raw: Option<&str>) -> bool {
    !matches!(raw, None | Some("null" | "false" | "0" | "\"\"" | "\"0\"" | "\"false\""))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            let file = format!("{{\"data\":{{\"posts\":[],\"posts_meta\":[{meta}]}}}}");
            assert_eq!(Survey::read(file.as_bytes()).unwrap().is_email_only("a"), expected, "{meta}");
        }
        let file = "{\"data\":{\"posts\":[],\"posts_meta\":[{\"post_id\":\"a\",\"email_only\":1,\"email_only\":0}]}}";
        assert!(Survey::read(file.as_bytes()).unwrap_err().to_string().contains("\"email_only\" is repeated"));
        let file = "{\"data\":{\"posts_meta\":[{\"post_id\":7,\"email_only\":true}],\"posts\":[]}}";
        assert!(Survey::read(file.as_bytes()).unwrap().is_email_only("7"));
    }
}
