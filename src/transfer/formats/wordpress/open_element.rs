//! An element in which only its own end tag matters.

use quick_xml::events::Event;

use crate::transfer::formats::wordpress::field_text::FieldText;

/// An element that the import reads into a field or skips, until its end tag.
#[derive(Debug)]
pub(super) struct OpenElement {
    tag: String,
    /// The number of open elements inside with the same tag.
    nested: u64,
    field: Option<(&'static str, FieldText)>,
}

/// Whether the element is closed.
pub(super) enum Closed {
    No,
    Yes,
    /// By the end of an element around it, which has this name.
    ByParent(String),
}

impl OpenElement {
    /// `field` is the name of the field to read. If it is `None`, the element is skipped.
    pub(super) fn new(tag: &str, field: Option<&'static str>) -> Self {
        Self { tag: tag.to_owned(), nested: 0, field: field.map(|name| (name, FieldText::default())) }
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    pub(super) fn field_name(&self) -> Option<&'static str> {
        self.field.as_ref().map(|(name, _)| *name)
    }

    pub(super) fn into_field(self) -> Option<(&'static str, FieldText)> {
        self.field
    }

    /// Adds the event to the field. `is_parent` says whether an element with this name is open around this one.
    pub(super) fn handle(&mut self, event: &Event<'_>, is_parent: impl Fn(&str) -> bool) -> Closed {
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
        if let Some((_, text)) = &mut self.field {
            add(text, event);
        }
        Closed::No
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
