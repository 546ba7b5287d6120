//! The first reading of an export: collects the names of authors and the locations of attachments.

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::html_text::decode_references;
use crate::transfer::formats::wordpress::encoding::decode;
use crate::transfer::formats::wordpress::group::Group;
use crate::transfer::formats::wordpress::item::WordPressItem;
use crate::transfer::formats::wordpress::parser::{Element, read_elements};
use crate::transfer::formats::wordpress::post::{CO_AUTHORS, References};
use crate::transfer::lookup_table::{Entry, LookupTable};
use crate::transfer::metered_reader::Meter;

// The kinds of values in the table.
const AUTHOR: &str = "author";
const IMAGE: &str = "image";
const IMAGE_ALT: &str = "image_alt";

/// The authors by login, and the attachments by id.
pub(crate) struct WordPressSurvey(LookupTable);

impl WordPressSurvey {
    /// Reads the whole file, so that a malformed file is refused before any post is stored.
    pub(crate) fn read(input: impl BufRead, meter: &Meter) -> Result<Self, Error> {
        let mut table = LookupTable::create()?;
        read_elements(decode(input)?, meter, &mut |element| match element {
            Element::Author(author) => add_author(&mut table, &author),
            Element::Item(item) if item.kind() == "attachment" => add_attachment(&mut table, &item),
            Element::Item(item) if item.kind() == "guest-author" => add_guest_author(&mut table, &item),
            Element::Item(_) | Element::Term => Ok(()),
        })?;
        table.finish()?;
        Ok(Self(table))
    }

    pub(super) fn references(&mut self, item: &WordPressItem) -> Result<References, Error> {
        let Self(table) = self;
        let mut references = References::default();
        let co_authors =
            item.terms.iter().filter(|(taxonomy, _)| taxonomy == CO_AUTHORS).map(|(_, name)| name.as_str());
        let logins = std::iter::once(item.word("dc:creator")).chain(co_authors).filter(|login| !login.is_empty());
        for login in logins {
            let name = table.value(AUTHOR, &login.to_lowercase())?;
            let name = name.unwrap_or_else(|| login.to_owned());
            if !references.authors.contains(&name) {
                references.authors.push(name);
            }
        }
        if let Some(id) = item.thumbnail_id() {
            references.image = table.value(IMAGE, id)?;
            references.image_alt = table.value(IMAGE_ALT, id)?;
        }
        Ok(references)
    }
}

fn add_author(table: &mut LookupTable, author: &Group) -> Result<(), Error> {
    let (first, last) = (author.word("wp:author_first_name"), author.word("wp:author_last_name"));
    let name = match author.word("wp:author_display_name") {
        "" => format!("{first} {last}"),
        name => name.to_owned(),
    };
    insert_author(table, author.word("wp:author_login"), 0, &name)
}

/// An author without an account, as the Co-Authors Plus plugin stores them.
fn add_guest_author(table: &mut LookupTable, item: &WordPressItem) -> Result<(), Error> {
    insert_author(table, item.custom_field("cap-user_login"), 1, item.custom_field("cap-display_name"))
}

fn insert_author(table: &mut LookupTable, login: &str, position: i64, name: &str) -> Result<(), Error> {
    let value = decode_references(name.trim());
    if login.is_empty() || value.is_empty() {
        return Ok(());
    }
    table.insert(Entry { kind: AUTHOR, key: &login.to_lowercase(), position, value: &value })
}

fn add_attachment(table: &mut LookupTable, item: &WordPressItem) -> Result<(), Error> {
    let alt = item.custom_field("_wp_attachment_image_alt");
    for (kind, value) in [(IMAGE, item.word("wp:attachment_url")), (IMAGE_ALT, alt)] {
        if !value.is_empty() {
            table.insert(Entry { kind, key: item.word("wp:post_id"), position: 0, value })?;
        }
    }
    Ok(())
}
