//! WordPress's export (WXR): an RSS feed of everything on a site, with elements of its own.
//!
//! It is read element by element, so a large one takes no more memory than its largest element. Nothing in it is
//! expanded: entities that the file would define itself (a document type) are refused.

use std::io::BufRead;

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::transfer::Error;
use crate::transfer::formats::external_post::{Foreign, State, UNDATED, time};
use crate::transfer::source::{Item, LeftOut, Meter, Sink};

/// More of an element is not kept: no content that long is a post here, and it is refused as too long.
const LONGEST_TEXT: usize = 1024 * 1024;

/// Of an item, the elements that are kept.
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
    fields: u64,
    /// What in its text cannot be read.
    mistake: Option<String>,
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

    /// The post that it is here. `None`: it is something else, which is counted.
    fn into_post(self, with_pages: bool, left_out: &mut LeftOut) -> Option<Foreign> {
        let other = match self.kind.as_str() {
            "post" | "page" if self.status == "trash" => Some("posts in the trash"),
            "page" if !with_pages => Some("pages (--pages takes them, too)"),
            "post" | "page" => None,
            "attachment" => Some("attachments"),
            _ => Some("items that are no posts, such as menus"),
        };
        if let Some(other) = other {
            left_out.count(other);
            return None;
        }
        // A draft has no time in UTC, and the file does not tell the site's offset.
        let created_at = time(&self.date_gmt).or_else(|| time(&self.date));
        let updated_at = time(&self.modified_gmt).or_else(|| created_at.clone());
        let state = match (self.status.as_str(), &created_at) {
            // Whoever has no password must not read it here either.
            ("publish" | "future", _) if !self.password.is_empty() => {
                left_out.count("passwords, whose posts are drafts now");
                State::Draft
            }
            ("publish", Some(at)) => State::Published(at.clone()),
            ("future", Some(at)) => State::Scheduled(at.clone()),
            ("publish" | "future", None) => {
                left_out.count(UNDATED);
                State::Draft
            }
            ("private", _) => {
                left_out.count("private posts, which are drafts now");
                State::Draft
            }
            _ => State::Draft,
        };
        left_out.add("comments", self.comments);
        left_out.add("custom fields", self.fields);
        left_out.add("excerpts written by hand", u64::from(!self.excerpt.is_empty()));
        // WordPress keeps other letters than ASCII's percent-encoded.
        let slug = percent_decode_str(&self.name).decode_utf8_lossy().into_owned();
        let content = Some(self.content).filter(|content| !content.is_empty());
        Some(Foreign { title: self.title, slug, content, state, created_at, updated_at })
    }
}

/// Hands over every post, and counts what there is besides.
pub(crate) fn read_items(
    input: impl BufRead,
    meter: &Meter,
    with_pages: bool,
    sink: Sink<'_>,
) -> Result<LeftOut, Error> {
    let mut reader = Reader::from_reader(input);
    reader.config_mut().expand_empty_elements = true;
    let mut parser = Parser { with_pages, path: Vec::new(), item: None, number: 0, left_out: LeftOut::default() };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        meter.begin_item();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => return parser.end(),
            Ok(event) => parser.take(event, sink)?,
            Err(quick_xml::Error::Io(error)) => return Err(std::io::Error::other(error).into()),
            Err(error) => {
                let position = reader.error_position();
                return Err(parser.broken(&format!("at byte {position}: {error}")));
            }
        }
    }
}

/// How deep elements may lie in each other; WordPress needs five.
const DEEPEST: usize = 64;

struct Parser {
    with_pages: bool,
    /// The names of the elements that are open.
    path: Vec<String>,
    item: Option<WordPressItem>,
    /// Of the items that began.
    number: u64,
    left_out: LeftOut,
}

/// Elements of `rss/channel/item`.
const IN_ITEM: usize = 4;

impl Parser {
    fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), Error> {
        match event {
            Event::Start(element) => self.open(&element)?,
            Event::End(_) => self.close(sink)?,
            Event::Text(text) => self.add(Ok(text.xml10_content().into_owned())),
            Event::CData(text) => self.add(Ok(text.xml10_content().into_owned())),
            Event::GeneralRef(reference) => {
                let name = reference.to_string();
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let text = character
                    .or_else(|| quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned))
                    .ok_or_else(|| format!("&{name}; is not known in XML"));
                self.add(text);
            }
            Event::DocType(_) => {
                return Err(Error::Format("the file has a document type, which no export of WordPress has".into()));
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), Error> {
        let name = element.name().as_ref().to_owned();
        if self.path.is_empty() && name != "rss" {
            return Err(Error::Format("the file is no export of WordPress: those begin with <rss".into()));
        }
        if self.path.len() == DEEPEST {
            return Err(self.broken("elements lie in each other too deep"));
        }
        self.path.push(name);
        let names: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match (names.as_slice(), &mut self.item) {
            (["rss", "channel", "item"], item) => {
                self.number += 1;
                *item = Some(WordPressItem::default());
            }
            ([_, _, "item", "wp:comment"], Some(item)) => item.comments += 1,
            ([_, _, "item", "wp:postmeta"], Some(item)) => item.fields += 1,
            (["rss", "channel", "wp:author"], _) => self.left_out.count("authors"),
            (["rss", "channel", "wp:category" | "wp:tag" | "wp:term"], _) => {
                self.left_out.count("categories and tags");
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds to the text of the element that is open, where it is one of those that are kept.
    fn add(&mut self, text: Result<String, String>) {
        let Some(item) = &mut self.item else { return };
        let Some(element) = self.path.last().filter(|_| self.path.len() == IN_ITEM) else { return };
        let Some(field) = item.field(element) else { return };
        match text {
            Ok(text) if field.len() <= LONGEST_TEXT => field.push_str(&text),
            Ok(_) => {}
            Err(mistake) => {
                item.mistake.get_or_insert(format!("{element}: {mistake}"));
            }
        }
    }

    fn close(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        self.path.pop();
        if self.path.len() + 2 != IN_ITEM {
            return Ok(());
        }
        let Some(mut item) = self.item.take() else { return Ok(()) };
        let size = item.content.len();
        let mistake = item.mistake.take();
        let Some(post) = item.into_post(self.with_pages, &mut self.left_out) else { return Ok(()) };
        let (record, notes) = match mistake {
            Some(mistake) => (Err(mistake), Vec::new()),
            None => post.into_record(),
        };
        sink(Item { unit: "item", number: self.number, size, record, notes })
    }

    fn end(self) -> Result<LeftOut, Error> {
        if self.path.is_empty() && self.number > 0 {
            return Ok(self.left_out);
        }
        if self.path.is_empty() {
            return Err(Error::Format("the file is no export of WordPress: it has no <item>".into()));
        }
        Err(self.broken("it ends before its last element does: it may have been cut off"))
    }

    fn broken(&self, why: &str) -> Error {
        Error::Format(format!("the file cannot be read as XML after its item {}: {why}", self.number))
    }
}
