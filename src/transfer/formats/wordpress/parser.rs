//! The structure of an export: `rss`, `channel`, `item`, and the elements of an item.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::transfer::error::Error;
use crate::transfer::formats::wordpress::item::WordPressItem;
use crate::transfer::formats::wordpress::names::Namespaces;
use crate::transfer::formats::wordpress::open_element::{Closed, OpenElement};
use crate::transfer::metered_reader::Meter;
use crate::transfer::position::Position;
use crate::transfer::report::{Counts, Mapping};
use crate::transfer::source::{Sink, SourceItem};

/// Passes each post to `sink` and counts everything else.
pub(crate) fn parse(input: impl BufRead, meter: &Meter, with_pages: bool, sink: Sink<'_>) -> Result<Mapping, Error> {
    let mut reader = lenient_reader(input);
    let mut parser = WordPressParser { with_pages, ..WordPressParser::default() };
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
    with_pages: bool,
    level: Level,
    /// The open element below `level`.
    open: Option<OpenElement>,
    item: WordPressItem,
    namespaces: Namespaces,
    /// The number of items so far, including the current one.
    number: u64,
    position: u64,
    unmapped: Counts,
}

impl WordPressParser {
    fn handle(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), Error> {
        if let Some(open) = &mut self.open {
            return match open.handle(&event, |element| self.level.is_inside(element)) {
                Closed::No => Ok(()),
                Closed::Yes => {
                    self.close_field();
                    Ok(())
                }
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

    fn start(&mut self, element: &BytesStart<'_>, is_empty: bool, sink: Sink<'_>) -> Result<(), Error> {
        let name = self.namespaces.usual_name(element);
        let level = match (self.level, name.as_str()) {
            (Level::Document, "rss") => Level::Rss,
            (Level::Document, _) => {
                return Err(Error::Format("not a WordPress export: the root element must be <rss>".into()));
            }
            (Level::Rss, "channel") => Level::Channel,
            (Level::Channel, "item") => Level::Item,
            _ => {
                self.open_element(element, &name, is_empty);
                return Ok(());
            }
        };
        self.namespaces.add(element);
        self.level = level;
        if level == Level::Item {
            self.number += 1;
            self.item = WordPressItem::default();
        }
        if is_empty { self.end(level.element(), sink) } else { Ok(()) }
    }

    /// Opens an element that the import reads, counts, or skips.
    fn open_element(&mut self, element: &BytesStart<'_>, name: &str, is_empty: bool) {
        let mut field = None;
        match (self.level, name) {
            (Level::Item, _) => {
                self.item.count(name);
                field = WordPressItem::field_name(name);
            }
            (Level::Channel, "wp:author") => self.unmapped.increment("authors not imported"),
            (Level::Channel, "wp:category" | "wp:tag" | "wp:term") => {
                self.unmapped.increment("categories and tags not imported");
            }
            _ => {}
        }
        self.open = Some(OpenElement::new(element.name().as_ref(), field));
        if is_empty {
            self.close_field();
        }
    }

    fn close_field(&mut self) {
        if let Some((name, text)) = self.open.take().and_then(OpenElement::into_field) {
            self.item.add_field(name, text);
        }
    }

    fn end(&mut self, name: &str, sink: Sink<'_>) -> Result<(), Error> {
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
                self.pass_item(sink)?;
                Level::Channel
            }
        };
        Ok(())
    }

    fn pass_item(&mut self, sink: Sink<'_>) -> Result<(), Error> {
        let item = std::mem::take(&mut self.item);
        let size = item.size();
        let (record, notes) = match item.into_post(self.with_pages, &mut self.unmapped) {
            Ok(Some(post)) => post.into_record(),
            Ok(None) => return Ok(()),
            Err(reason) => (Err(reason), Vec::new()),
        };
        sink(SourceItem { position: Position::Numbered { unit: "item", number: self.number }, size, record, notes })
    }

    /// Makes the item invalid, unless the malformed text is in an element that the import does not read.
    fn reject_field(&mut self, reason: &str) {
        if let Some(name) = self.open.as_ref().and_then(OpenElement::field_name) {
            self.item.set_error(format!("<{name}> {reason}"));
        }
    }

    fn finish(self) -> Result<Mapping, Error> {
        if self.level != Level::Document || self.open.is_some() {
            return Err(self.format_error("unexpected end of file; the file may be truncated"));
        }
        if self.number == 0 {
            return Err(Error::Format("not a WordPress export: the file has no <item>".into()));
        }
        Ok(Mapping { unmapped: self.unmapped, ..Mapping::default() })
    }

    fn format_error(&self, reason: &str) -> Error {
        Error::Format(format!("failed to parse the file as XML after item {}: {reason}", self.number))
    }

    fn syntax_error(&self, reason: &str) -> Error {
        self.format_error(&format!("at byte {}: {reason}", self.position))
    }
}
