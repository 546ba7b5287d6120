//! WordPress export files (WXR): an RSS feed with WordPress's own elements.
//!
//! The parser reads one element at a time, so the file size does not affect memory use. It expands only the entities
//! that XML predefines and rejects document types, so that a file cannot define entities that expand without bound.

use std::io::BufRead;

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::transfer::error::Error;
use crate::transfer::formats::external_post::{EXCERPTS, ExternalPost, ExternalStatus, PAGES, UNDATED, sql_time};
use crate::transfer::metered_reader::Meter;
use crate::transfer::report::Unmapped;
use crate::transfer::source::{Sink, SourceItem};

/// Once the text of an element is longer than this, in bytes, the parser ignores the rest. Validation rejects content of
/// this length.
const MAX_TEXT: usize = 1024 * 1024;

/// The stored elements of an `<item>`.
#[derive(Default)]
struct WordPressItem {
    title: String,
    content: String,
    excerpt: String,
    date: String,
    date_gmt: String,
    modified_gmt: String,
    name: String,
    status: String,
    kind: String,
    password: String,
    comments: u64,
    custom_fields: u64,
    /// The first error in the text of an element.
    error: Option<String>,
}

impl WordPressItem {
    fn field(&mut self, element: &str) -> Option<&mut String> {
        Some(match element {
            "title" => &mut self.title,
            "content:encoded" => &mut self.content,
            "excerpt:encoded" => &mut self.excerpt,
            "wp:post_date" => &mut self.date,
            "wp:post_date_gmt" => &mut self.date_gmt,
            "wp:post_modified_gmt" => &mut self.modified_gmt,
            "wp:post_name" => &mut self.name,
            "wp:status" => &mut self.status,
            "wp:post_type" => &mut self.kind,
            "wp:post_password" => &mut self.password,
            _ => return None,
        })
    }

    /// Converts the item to a post. If the item is not imported as a post, counts it in `unmapped` and returns `None`.
    fn into_post(self, with_pages: bool, unmapped: &mut Unmapped) -> Option<ExternalPost> {
        let other = match self.kind.as_str() {
            "post" | "page" if self.status == "trash" => Some("posts in the trash not imported"),
            "page" if !with_pages => Some(PAGES),
            "post" | "page" => None,
            "attachment" => Some("attachments not imported"),
            _ => Some("items other than posts, such as menus, not imported"),
        };
        if let Some(other) = other {
            unmapped.increment(other);
            return None;
        }
        // A draft has no UTC time. Its local time is taken as UTC, because the file does not give the site's offset.
        let created_at = sql_time(&self.date_gmt).or_else(|| sql_time(&self.date));
        let updated_at = sql_time(&self.modified_gmt).or_else(|| created_at.clone());
        let status = self.status(created_at.as_ref(), unmapped);
        unmapped.add("comments not imported", self.comments);
        unmapped.add("custom fields not imported", self.custom_fields);
        unmapped.add(EXCERPTS, u64::from(!self.excerpt.is_empty()));
        // WordPress percent-encodes all non-ASCII letters of a slug.
        let slug = percent_decode_str(&self.name).decode_utf8_lossy().into_owned();
        let content = Some(self.content).filter(|content| !content.is_empty());
        Some(ExternalPost { title: self.title, slug, content, status, created_at, updated_at })
    }

    fn status(&self, at: Option<&String>, unmapped: &mut Unmapped) -> ExternalStatus {
        match (self.status.as_str(), at) {
            // Publishing the post here would remove its password protection.
            ("publish" | "future", _) if !self.password.is_empty() => {
                unmapped.increment("password-protected posts imported as drafts");
                ExternalStatus::Draft
            }
            ("publish", Some(at)) => ExternalStatus::Published(at.clone()),
            ("future", Some(at)) => ExternalStatus::Scheduled(at.clone()),
            ("publish" | "future", None) => {
                unmapped.increment(UNDATED);
                ExternalStatus::Draft
            }
            ("private", _) => {
                unmapped.increment("private posts imported as drafts");
                ExternalStatus::Draft
            }
            _ => ExternalStatus::Draft,
        }
    }
}

/// Passes each post to `sink` and counts everything else.
pub(crate) fn parse(input: impl BufRead, meter: &Meter, with_pages: bool, sink: Sink<'_>) -> Result<Unmapped, Error> {
    let mut reader = Reader::from_reader(input);
    reader.config_mut().expand_empty_elements = true;
    let mut parser =
        WordPressParser { with_pages, path: Vec::new(), item: None, number: 0, unmapped: Unmapped::default() };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        meter.begin_item();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => return parser.finish(),
            Ok(event) => parser.handle(event, sink)?,
            Err(quick_xml::Error::Io(error)) => return Err(std::io::Error::other(error).into()),
            Err(error) => {
                let position = reader.error_position();
                return Err(parser.format_error(&format!("at byte {position}: {error}")));
            }
        }
    }
}

/// The deepest nesting that the parser accepts. WordPress uses five levels.
const MAX_DEPTH: usize = 64;

struct WordPressParser {
    with_pages: bool,
    /// The names of the open elements.
    path: Vec<String>,
    item: Option<WordPressItem>,
    /// The number of items so far, including the current one.
    number: u64,
    unmapped: Unmapped,
}

/// The depth of the elements below `rss/channel/item`.
const ITEM_FIELD_DEPTH: usize = 4;

impl WordPressParser {
    fn handle(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), Error> {
        match event {
            Event::Start(element) => self.open(&element)?,
            Event::End(_) => self.close(sink)?,
            Event::Text(text) => self.append(Ok(text.xml10_content().into_owned())),
            Event::CData(text) => self.append(Ok(text.xml10_content().into_owned())),
            Event::GeneralRef(reference) => {
                let name = reference.to_string();
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let text = character
                    .or_else(|| quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned))
                    .ok_or_else(|| format!("unknown entity &{name};"));
                self.append(text);
            }
            Event::DocType(_) => {
                return Err(Error::Format(
                    "not a WordPress export: the file has a document type, which such exports never have".into(),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), Error> {
        let name = element.name().as_ref().to_owned();
        if self.path.is_empty() && name != "rss" {
            return Err(Error::Format("not a WordPress export: the root element must be <rss>".into()));
        }
        if self.path.len() == MAX_DEPTH {
            return Err(self.format_error(&format!("elements are nested more than {MAX_DEPTH} levels deep")));
        }
        self.path.push(name);
        let names: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (names.as_slice(), &mut self.item) {
            (["rss", "channel", "item"], item) => {
                self.number += 1;
                *item = Some(WordPressItem::default());
            }
            ([_, _, "item", "wp:comment"], Some(item)) => item.comments += 1,
            ([_, _, "item", "wp:postmeta"], Some(item)) => item.custom_fields += 1,
            (["rss", "channel", "wp:author"], _) => self.unmapped.increment("authors not imported"),
            (["rss", "channel", "wp:category" | "wp:tag" | "wp:term"], _) => {
                self.unmapped.increment("categories and tags not imported");
            }
            _ => {}
        }
        Ok(())
    }

    /// Appends text to the open element if it is a stored one.
    fn append(&mut self, text: Result<String, String>) {
        let Some(item) = &mut self.item else { return };
        let Some(element) = self.path.last().filter(|_| self.path.len() == ITEM_FIELD_DEPTH) else { return };
        let Some(field) = item.field(element) else { return };
        match text {
            Ok(text) if field.len() <= MAX_TEXT => field.push_str(&text),
            Ok(_) => {}
            Err(error) => {
                item.error.get_or_insert(format!("{element}: {error}"));
            }
        }
    }

    fn close(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        self.path.pop();
        // Handles only the end of an `<item>`, whose parent has depth 2.
        if self.path.len() + 2 != ITEM_FIELD_DEPTH {
            return Ok(());
        }
        let Some(mut item) = self.item.take() else { return Ok(()) };
        let size = item.content.len();
        let error = item.error.take();
        let Some(post) = item.into_post(self.with_pages, &mut self.unmapped) else { return Ok(()) };
        let (record, notes) = match error {
            Some(error) => (Err(error), Vec::new()),
            None => post.into_record(),
        };
        sink(SourceItem { unit: "item", number: self.number, size, record, notes })
    }

    fn finish(self) -> Result<Unmapped, Error> {
        if self.path.is_empty() && self.number > 0 {
            return Ok(self.unmapped);
        }
        if self.path.is_empty() {
            return Err(Error::Format("not a WordPress export: the file has no <item>".into()));
        }
        Err(self.format_error("unexpected end of file; the file may be truncated"))
    }

    fn format_error(&self, reason: &str) -> Error {
        Error::Format(format!("failed to parse the file as XML after item {}: {reason}", self.number))
    }
}
