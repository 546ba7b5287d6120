//! [`Extractor`]: the text of Markdown and HTML.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::posts::excerpt::words::Words;

/// With `OLD_FOOTNOTES`, `[^1]` is a footnote even if its definition is not in the text.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_OLD_FOOTNOTES)
    .union(Options::ENABLE_GFM)
    .union(Options::ENABLE_HEADING_ATTRIBUTES)
    .union(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS)
    .union(Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS);

/// HTML elements that do not separate words.
const INLINE: [&[u8]; 36] = [
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"big", b"cite", b"code", b"data", b"del", b"dfn", b"em", b"font",
    b"i", b"ins", b"kbd", b"label", b"mark", b"q", b"rp", b"rt", b"ruby", b"s", b"samp", b"small", b"span", b"strike",
    b"strong", b"sub", b"sup", b"time", b"tt", b"u", b"var", b"wbr",
];

/// HTML elements whose text is not part of the text of the post.
const OMITTED: [&[u8]; 22] = [
    b"audio", b"canvas", b"datalist", b"figcaption", b"head", b"iframe", b"math", b"noscript", b"object", b"pre",
    b"rp", b"rt", b"script", b"select", b"style", b"svg", b"template", b"textarea", b"title", b"video", b"map",
    b"dialog",
];

/// HTML elements that contain blocks, and whose content is often indented.
const CONTAINERS: [&[u8]; 16] = [
    b"article", b"aside", b"blockquote", b"body", b"center", b"details", b"div", b"figure", b"footer", b"header",
    b"html", b"main", b"ol", b"section", b"table", b"ul",
];

const HEADINGS: [&[u8]; 6] = [b"h1", b"h2", b"h3", b"h4", b"h5", b"h6"];

pub(super) struct Extractor {
    /// The source is the beginning of a longer text, which may define references.
    is_beginning: bool,
    text: Words,
    headings: Words,
    in_heading: bool,
    /// The depth of Markdown elements that are omitted.
    omitted: u32,
    /// The HTML element that is omitted, and its depth.
    omitted_element: Option<(Vec<u8>, u32)>,
    /// The number of [`CONTAINERS`] that are open.
    open_containers: u32,
    /// The HTML of the current block.
    html: Option<String>,
    /// The source in lower case, once it is needed.
    lower_case: Option<String>,
}

impl Extractor {
    pub(super) fn new(is_beginning: bool) -> Self {
        Self {
            is_beginning,
            text: Words::default(),
            headings: Words::default(),
            in_heading: false,
            omitted: 0,
            omitted_element: None,
            open_containers: 0,
            html: None,
            lower_case: None,
        }
    }

    /// The excerpt of a text.
    pub(super) fn extract(mut self, source: &str) -> String {
        let is_beginning = self.is_beginning;
        let resolve = |link: BrokenLink<'_>| {
            // `[text]` alone is only a reference if it has a definition.
            let is_reference = is_beginning || !matches!(link.link_type, LinkType::Shortcut);
            is_reference.then_some((CowStr::Borrowed(""), CowStr::Borrowed("")))
        };
        for event in Parser::new_with_broken_link_callback(source, OPTIONS, Some(resolve)) {
            self.read_markdown(event, source);
            if self.text.is_full {
                break;
            }
        }
        let text = if self.text.is_empty() { self.headings } else { self.text };
        text.into_excerpt(self.is_beginning)
    }

    fn read_markdown(&mut self, event: Event<'_>, source: &str) {
        if separates(&event) {
            self.push_gap();
        }
        match event {
            // Within an HTML element, indented text after a blank line is not code but HTML.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) if self.open_containers > 0 => {
                self.html = Some(String::new());
            }
            Event::Start(Tag::HtmlBlock) => self.html = Some(String::new()),
            Event::End(TagEnd::HtmlBlock | TagEnd::CodeBlock) if self.html.is_some() => {
                let html = self.html.take().unwrap_or_default();
                self.read_html(&html, source);
            }
            Event::Html(part) | Event::Text(part) if self.html.is_some() => {
                self.html.get_or_insert_default().push_str(&part);
            }
            Event::Html(html) | Event::InlineHtml(html) => self.read_html(&html, source),
            Event::Start(Tag::Heading { .. }) => self.in_heading = true,
            Event::End(TagEnd::Heading(_)) => self.in_heading = false,
            Event::Start(tag) if is_omitted(&tag) => self.omitted += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::Image | TagEnd::FootnoteDefinition | TagEnd::MetadataBlock(_)) => {
                self.omitted = self.omitted.saturating_sub(1);
            }
            Event::Text(text) | Event::Code(text) => self.push(&text),
            _ => {}
        }
    }

    fn read_html(&mut self, html: &str, source: &str) {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => self.start_element(&tag, source),
                Token::EndTag(tag) => self.end_element(&tag.name),
                Token::String(text) => self.push(&String::from_utf8_lossy(&text)),
                _ => {}
            }
        }
    }

    fn start_element(&mut self, tag: &StartTag<()>, source: &str) {
        let name: &[u8] = &tag.name;
        if !INLINE.contains(&name) {
            self.push_gap();
        }
        if tag.self_closing {
            return;
        }
        if let Some((omitted, depth)) = &mut self.omitted_element {
            *depth += u32::from(omitted == name);
        } else if (OMITTED.contains(&name) || is_footnote(tag)) && self.is_closed(name, source) {
            self.omitted_element = Some((name.to_owned(), 1));
        } else if HEADINGS.contains(&name) {
            self.in_heading = true;
        } else if CONTAINERS.contains(&name) {
            self.open_containers += 1;
        }
    }

    fn end_element(&mut self, name: &[u8]) {
        if !INLINE.contains(&name) {
            self.push_gap();
        }
        if let Some((omitted, depth)) = &mut self.omitted_element {
            *depth -= u32::from(omitted == name);
            if *depth == 0 {
                self.omitted_element = None;
            }
        } else if HEADINGS.contains(&name) {
            self.in_heading = false;
        } else if CONTAINERS.contains(&name) {
            self.open_containers = self.open_containers.saturating_sub(1);
        }
    }

    /// Whether the element has an end tag. A text about HTML may mention a start tag, and the rest must not vanish.
    fn is_closed(&mut self, name: &[u8], source: &str) -> bool {
        let lower_case = self.lower_case.get_or_insert_with(|| source.to_ascii_lowercase());
        lower_case.contains(&format!("</{}", String::from_utf8_lossy(name)))
    }

    fn push(&mut self, text: &str) {
        if self.omitted == 0 && self.omitted_element.is_none() {
            let words = if self.in_heading { &mut self.headings } else { &mut self.text };
            words.push(text);
        }
    }

    fn push_gap(&mut self) {
        self.headings.push_gap();
        self.text.push_gap();
    }
}

/// Whether the event separates words: the beginning or the end of a block, or a line break.
fn separates(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => {
            !matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. })
        }
        Event::End(tag) => {
            !matches!(tag, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
        }
        Event::SoftBreak | Event::HardBreak | Event::Rule => true,
        _ => false,
    }
}

fn is_omitted(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::CodeBlock(_) | Tag::Image { .. } | Tag::FootnoteDefinition(_) | Tag::MetadataBlock(_))
}

/// Whether the element is a link to a footnote, as Markdown programs, GitHub, WordPress, and e-book programs write it.
fn is_footnote(tag: &StartTag<()>) -> bool {
    let is_mark = |(name, value): (&[u8], &[u8])| match name {
        b"href" => value.starts_with(b"#fn") || value.starts_with(b"#user-content-fn"),
        b"role" => value == b"doc-noteref",
        b"data-fn" | b"data-footnote-ref" => true,
        _ => false,
    };
    matches!(tag.name.as_slice(), b"a" | b"sup")
        && tag.attributes.iter().any(|(name, value)| is_mark((name.as_slice(), value.as_slice())))
}
