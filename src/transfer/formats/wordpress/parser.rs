//! The structure of an export: `rss`, `channel`, `item`, and the elements of an item.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::transfer::error::Error;
use crate::transfer::formats::wordpress::group::{Group, GroupKind};
use crate::transfer::formats::wordpress::item::WordPressItem;
use crate::transfer::formats::wordpress::names::Namespaces;
use crate::transfer::formats::wordpress::open_element::{Closed, Content, OpenElement};
use crate::transfer::metered_reader::Meter;

/// An element that the file consists of.
pub(super) enum Element {
    Author(Group),
    /// The definition of a category, a tag, or another term.
    Term,
    Item(Box<WordPressItem>),
}

/// Receives the elements in file order. The parser stops at the first error and returns it.
type ElementSink<'a> = &'a mut dyn FnMut(Element) -> Result<(), Error>;

/// Passes each element to `sink`.
pub(super) fn read_elements(input: impl BufRead, meter: &Meter, sink: ElementSink<'_>) -> Result<(), Error> {
    let mut reader = lenient_reader(input);
    let mut parser = WordPressParser::default();
    let mut buffer = Vec::new();
    // The position of the reader's first byte.
    let mut start = 0;
    loop {
        buffer.clear();
        meter.begin_item();
        let number = parser.number;
        let event = reader.read_event_into(&mut buffer);
        parser.position = start + reader.buffer_position();
        let is_malformed = match event {
            Ok(Event::Eof) => return parser.finish(),
            Ok(event) => parser.handle(event, sink).map(|()| false)?,
            Err(quick_xml::Error::Encoding(_)) => {
                parser.reject_field("is not valid UTF-8");
                true
            }
            Err(quick_xml::Error::Io(error)) => return Err(std::io::Error::other(error).into()),
            Err(error) => {
                parser.position = start + reader.error_position();
                return Err(parser.syntax_error(&error.to_string()));
            }
        };
        // A new reader continues after the malformed text. It also forgets the names of open tags, which the reader
        // stores even if they are never closed.
        if is_malformed || parser.number != number {
            start += reader.buffer_position();
            reader = lenient_reader(reader.into_inner());
        }
    }
}

/// A reader that leaves the check of the structure to the parser.
fn lenient_reader<R: BufRead>(input: R) -> Reader<R> {
    let mut reader = Reader::from_reader(input);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// The innermost open element among those that enclose the fields.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Document,
    Rss,
    Channel,
    Item,
}

impl Level {
    fn element(self) -> &'static str {
        match self {
            Self::Document => "",
            Self::Rss => "rss",
            Self::Channel => "channel",
            Self::Item => "item",
        }
    }

    /// Whether the element with this name is open.
    fn is_inside(self, element: &str) -> bool {
        [Self::Rss, Self::Channel, Self::Item].into_iter().any(|level| level <= self && level.element() == element)
    }
}

#[derive(Default)]
struct WordPressParser {
    level: Level,
    /// The open element below `level`.
    open: Option<OpenElement>,
    item: WordPressItem,
    namespaces: Namespaces,
    /// The number of items so far, including the current one.
    number: u64,
    position: u64,
}

impl WordPressParser {
    fn handle(&mut self, event: Event<'_>, sink: ElementSink<'_>) -> Result<(), Error> {
        if let Some(open) = &mut self.open {
            return match open.handle(&event, &self.namespaces, &|element| self.level.is_inside(element)) {
                Closed::No => Ok(()),
                Closed::Yes => self.close_element(sink),
                Closed::ByParent(parent) => {
                    let tag = open.tag().to_owned();
                    Err(self.syntax_error(&format!("expected </{tag}>, but found </{parent}>")))
                }
            };
        }
        match event {
            Event::Start(element) => self.start(&element, false, sink),
            Event::Empty(element) => self.start(&element, true, sink),
            Event::End(element) => self.end(element.name().as_ref(), sink),
            Event::DocType(_) => Err(Error::Format(
                "not a WordPress export: the file has a document type, which such exports never have".into(),
            )),
            _ => Ok(()),
        }
    }

    fn start(&mut self, element: &BytesStart<'_>, is_empty: bool, sink: ElementSink<'_>) -> Result<(), Error> {
        let name = self.namespaces.usual_name(element);
        let level = match (self.level, name.as_str()) {
            (Level::Document, "rss") => Level::Rss,
            (Level::Document, _) => {
                return Err(Error::Format("not a WordPress export: the root element must be <rss>".into()));
            }
            (Level::Rss, "channel") => Level::Channel,
            (Level::Channel, "item") => Level::Item,
            _ => return self.open_element(element, &name, is_empty, sink),
        };
        self.namespaces.add(element);
        self.level = level;
        if level == Level::Item {
            self.number += 1;
            self.item = WordPressItem::new(self.number);
        }
        if is_empty { self.end(level.element(), sink) } else { Ok(()) }
    }

    /// Opens an element that the import reads or skips.
    fn open_element(
        &mut self,
        element: &BytesStart<'_>,
        name: &str,
        is_empty: bool,
        sink: ElementSink<'_>,
    ) -> Result<(), Error> {
        let content = match (self.level, name) {
            (Level::Item, "category") => Content::term(element),
            (Level::Item, "wp:comment") => {
                self.item.comments += 1;
                Content::Skipped
            }
            (Level::Item, "wp:postmeta") => Content::Group(Group::new(GroupKind::PostMeta)),
            (Level::Item, _) => WordPressItem::field_name(name).map_or(Content::Skipped, Content::field),
            (Level::Channel, "wp:author") => Content::Group(Group::new(GroupKind::Author)),
            (Level::Channel, "wp:category" | "wp:tag" | "wp:term") => {
                sink(Element::Term)?;
                Content::Skipped
            }
            _ => Content::Skipped,
        };
        self.open = Some(OpenElement::new(element.name().as_ref(), content));
        if is_empty { self.close_element(sink) } else { Ok(()) }
    }

    fn close_element(&mut self, sink: ElementSink<'_>) -> Result<(), Error> {
        match self.open.take().map(OpenElement::into_content) {
            Some(Content::Field(name, text)) => self.item.add_field(name, text),
            Some(Content::Term { taxonomy, name }) => self.item.add_term(taxonomy, name),
            Some(Content::Group(group)) if self.level == Level::Item => self.item.add_custom_field(group),
            Some(Content::Group(author)) => return sink(Element::Author(author)),
            Some(Content::Malformed) => self.item.omitted += 1,
            Some(Content::Skipped) | None => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, sink: ElementSink<'_>) -> Result<(), Error> {
        if name != self.level.element() {
            let expected = match self.level {
                Level::Document => "the end of the file".to_owned(),
                level => format!("</{}>", level.element()),
            };
            return Err(self.syntax_error(&format!("expected {expected}, but found </{name}>")));
        }
        self.level = match self.level {
            Level::Document | Level::Rss => Level::Document,
            Level::Channel => Level::Rss,
            Level::Item => {
                sink(Element::Item(Box::new(std::mem::take(&mut self.item))))?;
                Level::Channel
            }
        };
        Ok(())
    }

    /// Makes the item invalid if the malformed text is in an element that it needs. Drops another element.
    fn reject_field(&mut self, reason: &str) {
        let Some(open) = &mut self.open else { return };
        match open.content() {
            Content::Skipped => {}
            Content::Field(name, _) if WordPressItem::is_strict(name) => {
                self.item.set_error(format!("<{name}> {reason}"));
            }
            _ => open.drop_content(),
        }
    }

    fn finish(self) -> Result<(), Error> {
        if self.level != Level::Document || self.open.is_some() {
            return Err(self.format_error("unexpected end of file; the file may be truncated"));
        }
        if self.number == 0 {
            return Err(Error::Format("not a WordPress export: the file has no <item>".into()));
        }
        Ok(())
    }

    fn format_error(&self, reason: &str) -> Error {
        Error::Format(format!("failed to parse the file as XML after item {}: {reason}", self.number))
    }

    fn syntax_error(&self, reason: &str) -> Error {
        self.format_error(&format!("at byte {}: {reason}", self.position))
    }
}
