//! An element in which only its own end tag matters.

use quick_xml::events::{BytesStart, Event};

use crate::transfer::formats::html_text::decode_references;
use crate::transfer::formats::wordpress::field_text::FieldText;
use crate::transfer::formats::wordpress::group::Group;
use crate::transfer::formats::wordpress::names::Namespaces;

/// An element that the import reads or skips, until its end tag.
#[derive(Debug)]
pub(super) struct OpenElement {
    tag: String,
    /// The number of open elements inside with the same tag.
    nested: u64,
    content: Content,
    /// The open element of a group.
    child: Option<Box<OpenElement>>,
}

/// What the import reads from an element.
#[derive(Debug)]
pub(super) enum Content {
    Skipped,
    /// The text of the element with this name.
    Field(&'static str, FieldText),
    /// The name of a category, a tag, or another term.
    Term {
        taxonomy: String,
        name: FieldText,
    },
    Group(Group),
    /// The element has text that is not valid UTF-8, and the import can do without it.
    Malformed,
}

impl Content {
    pub(super) fn field(name: &'static str) -> Self {
        Self::Field(name, FieldText::default())
    }

    /// The taxonomy is in the attribute `domain`. Old versions omit it for categories, and write `tag` for tags.
    pub(super) fn term(element: &BytesStart<'_>) -> Self {
        let mut attributes = element.html_attributes();
        let domain = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == "domain");
        let taxonomy = match domain.as_ref().map_or("", |domain| domain.value.trim()) {
            "" => "category".to_owned(),
            "tag" => "post_tag".to_owned(),
            other => decode_references(other).into_owned(),
        };
        Self::Term { taxonomy, name: FieldText::default() }
    }
}

/// Whether the element is closed.
pub(super) enum Closed {
    No,
    Yes,
    /// By the end of an element around it, which has this name.
    ByParent(String),
}

impl OpenElement {
    pub(super) fn new(tag: &str, content: Content) -> Self {
        Self { tag: tag.to_owned(), nested: 0, content, child: None }
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    pub(super) fn into_content(self) -> Content {
        self.content
    }

    /// Drops what the import has read. It skips the rest of the element.
    pub(super) fn drop_content(&mut self) {
        self.content = Content::Malformed;
        self.child = None;
    }

    /// Adds the event to the content. `is_parent` says whether an element with this name is open around this one.
    pub(super) fn handle(
        &mut self,
        event: &Event<'_>,
        namespaces: &Namespaces,
        is_parent: &dyn Fn(&str) -> bool,
    ) -> Closed {
        if let Some(child) = &mut self.child {
            let tag = &self.tag;
            let closed = child.handle(event, namespaces, &|name| name == tag || is_parent(name));
            if matches!(closed, Closed::No) {
                return Closed::No;
            }
            self.close_child();
            if matches!(closed, Closed::Yes) {
                return Closed::No;
            }
        } else if let Event::Start(element) = event
            && self.open_child(element, namespaces)
        {
            return Closed::No;
        }
        match event {
            Event::Start(element) if element.name().as_ref() == self.tag => self.nested += 1,
            Event::End(element) => {
                let name = element.name();
                if name.as_ref() == self.tag {
                    let Some(nested) = self.nested.checked_sub(1) else { return Closed::Yes };
                    self.nested = nested;
                } else if is_parent(name.as_ref()) {
                    return Closed::ByParent(name.as_ref().to_owned());
                }
            }
            _ => {}
        }
        if let Content::Field(_, text) | Content::Term { name: text, .. } = &mut self.content {
            add(text, event);
        }
        Closed::No
    }

    /// Opens an element of a group. Returns `false` if the import does not read it.
    fn open_child(&mut self, element: &BytesStart<'_>, namespaces: &Namespaces) -> bool {
        let Content::Group(group) = &self.content else { return false };
        let Some(field) = group.field_name(element, namespaces) else { return false };
        self.child = Some(Box::new(Self::new(element.name().as_ref(), Content::field(field))));
        true
    }

    fn close_child(&mut self) {
        let content = self.child.take().map(|child| child.into_content());
        if let (Content::Group(group), Some(Content::Field(name, text))) = (&mut self.content, content) {
            group.add(name, text);
        }
    }
}

fn add(text: &mut FieldText, event: &Event<'_>) {
    match event {
        Event::Text(content) => text.push_text(&content.xml10_content()),
        Event::CData(content) => text.push_cdata(&content.xml10_content()),
        Event::GeneralRef(name) => text.push_reference(name),
        Event::Start(element) => text.push_markup(&format!("<{}>", &**element)),
        Event::Empty(element) => text.push_markup(&format!("<{}/>", &**element)),
        Event::End(element) => text.push_markup(&format!("</{}>", &**element)),
        Event::Comment(comment) => text.push_markup(&format!("<!--{}-->", &**comment)),
        Event::PI(instruction) => text.push_markup(&format!("<?{}?>", &**instruction)),
        Event::Decl(declaration) => text.push_markup(&format!("<?{}?>", &**declaration)),
        Event::DocType(name) => text.push_markup(&format!("<!DOCTYPE {}>", &**name)),
        Event::Eof => {}
    }
}
