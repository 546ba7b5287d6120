//! Ghost export files: the database tables as one JSON document. The parser deserializes one post at a time and only
//! counts the rows of the other tables, so the file size does not affect memory use.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::transfer::error::Error;
use crate::transfer::formats::external_post::{
    EXCERPTS, ExternalPost, ExternalStatus, PAGES, UNDATED, millisecond_time, sql_time,
};
use crate::transfer::metered_reader::Meter;
use crate::transfer::report::Unmapped;
use crate::transfer::source::{Sink, SourceItem};

/// Passes each post to `sink` and counts everything else.
pub(crate) fn parse(input: impl BufRead, meter: &Meter, with_pages: bool, sink: Sink<'_>) -> Result<Unmapped, Error> {
    let mut parser = GhostParser {
        with_pages,
        meter,
        sink,
        number: 0,
        has_posts: false,
        unmapped: Unmapped::default(),
        sink_error: None,
    };
    let mut json = serde_json::Deserializer::from_reader(input);
    let result = SectionSeed(Section::Export, &mut parser).deserialize(&mut json).and_then(|()| json.end());
    let GhostParser { has_posts, number, unmapped, sink_error, .. } = parser;
    match (sink_error, result) {
        (Some(error), _) => Err(error),
        (None, Err(error)) if error.is_io() => Err(std::io::Error::from(error).into()),
        (None, Err(error)) => {
            Err(Error::Format(format!("failed to parse the file as a Ghost export after post {number}: {error}")))
        }
        (None, Ok(())) if !has_posts => {
            Err(Error::Format("not a Ghost export: the file has no db[0].data.posts".into()))
        }
        (None, Ok(())) => Ok(unmapped),
    }
}

struct GhostParser<'a, 'sink> {
    with_pages: bool,
    meter: &'a Meter,
    sink: Sink<'sink>,
    /// The number of posts so far.
    number: u64,
    has_posts: bool,
    unmapped: Unmapped,
    /// The error with which the sink stopped the parser.
    sink_error: Option<Error>,
}

impl GhostParser<'_, '_> {
    fn add(&mut self, value: Value) -> Result<(), Error> {
        self.number += 1;
        let size = value.as_object().and_then(|post| post.get("html")?.as_str()).map_or(0, str::len);
        let (record, notes) = match serde_json::from_value::<GhostPost>(value) {
            Ok(post) => match post.into_post(self.with_pages, &mut self.unmapped) {
                Ok(Some(post)) => post.into_record(),
                Ok(None) => return Ok(()),
                Err(reason) => (Err(reason), Vec::new()),
            },
            Err(error) => (Err(format!("not a Ghost post: {error}")), Vec::new()),
        };
        (self.sink)(SourceItem { unit: "post", number: self.number, size, record, notes })
    }
}

/// A part of the document: `{"db": [{"data": {"posts": […], "tags": […], …}}]}`. Some exports omit `db` and its array.
#[derive(Clone, Copy)]
enum Section {
    Export,
    Databases,
    Tables,
    Posts,
    /// Rows that are only counted, under this description.
    Rows(&'static str),
}

/// Deserializes one section.
struct SectionSeed<'r, 'a, 'sink>(Section, &'r mut GhostParser<'a, 'sink>);

impl<'de> DeserializeSeed<'de> for SectionSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Section::Export | Section::Tables => deserializer.deserialize_map(self),
            Section::Databases | Section::Posts | Section::Rows(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for SectionSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Ghost export")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let section = match (self.0, key.as_str()) {
                (Section::Export, "db") => Section::Databases,
                (Section::Export, "data") => Section::Tables,
                (Section::Tables, "posts") => Section::Posts,
                (Section::Tables, "tags") => Section::Rows("tags not imported"),
                (Section::Tables, "users") => Section::Rows("authors not imported"),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(SectionSeed(section, self.1))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let Self(section, parser) = self;
        match section {
            Section::Posts => {
                parser.has_posts = true;
                parser.meter.begin_item();
                while let Some(value) = rows.next_element()? {
                    if let Err(error) = parser.add(value) {
                        parser.sink_error = Some(error);
                        return Err(A::Error::custom("stopped by the sink"));
                    }
                    parser.meter.begin_item();
                }
                parser.meter.end_item();
            }
            Section::Rows(description) => {
                while rows.next_element::<IgnoredAny>()?.is_some() {
                    parser.unmapped.increment(description);
                }
            }
            // Each element of `db` has the same members as an export without `db`.
            _ => while rows.next_element_seed(SectionSeed(Section::Export, parser))?.is_some() {},
        }
        Ok(())
    }
}

/// The columns of a post that the import uses. Which of them exist depends on the version of Ghost.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GhostPost {
    title: Option<String>,
    slug: Option<String>,
    html: Option<String>,
    markdown: Option<String>,
    mobiledoc: Option<String>,
    lexical: Option<String>,
    feature_image: Option<String>,
    custom_excerpt: Option<String>,
    status: Option<String>,
    visibility: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Marks a page in old versions, as `true` or 1.
    page: Value,
    created_at: Value,
    updated_at: Value,
    published_at: Value,
}

impl GhostPost {
    /// Converts the post. Returns `None` if it is a page that the import skips.
    ///
    /// # Errors
    /// The post has content only in a format that Ghost alone can render.
    fn into_post(mut self, with_pages: bool, unmapped: &mut Unmapped) -> Result<Option<ExternalPost>, String> {
        let is_old_page = self.page == Value::Bool(true) || self.page == 1;
        let is_page = is_old_page || self.kind.as_deref() == Some("page");
        if is_page && !with_pages {
            unmapped.increment(PAGES);
            return Ok(None);
        }
        let content = self.take_content()?;
        if content.as_ref().is_some_and(|content| content.contains(SITE_URL)) {
            unmapped.increment("posts with the placeholder __GHOST_URL__ (replace it with the URL of the site)");
        }
        unmapped.add("feature images not imported", u64::from(self.feature_image.is_some()));
        unmapped.add(EXCERPTS, u64::from(self.custom_excerpt.is_some()));
        let published_at = time(&self.published_at);
        let created_at = time(&self.created_at).or_else(|| published_at.clone());
        let updated_at = time(&self.updated_at).or_else(|| created_at.clone());
        let status = self.status(published_at.or_else(|| created_at.clone()), unmapped);
        let (title, slug) = (self.title.unwrap_or_default(), self.slug.unwrap_or_default());
        Ok(Some(ExternalPost { title, slug, content, status, created_at, updated_at }))
    }

    fn status(&self, at: Option<String>, unmapped: &mut Unmapped) -> ExternalStatus {
        let is_public = self.visibility.as_deref().is_none_or(|visibility| visibility == "public");
        match (self.status.as_deref(), at) {
            // Publishing the post here would show it to everyone.
            (Some("published" | "scheduled"), _) if !is_public => {
                unmapped.increment("members-only posts imported as drafts");
                ExternalStatus::Draft
            }
            (Some("published"), Some(at)) => ExternalStatus::Published(at),
            (Some("scheduled"), Some(at)) => ExternalStatus::Scheduled(at),
            (Some("published" | "scheduled"), None) => {
                unmapped.increment(UNDATED);
                ExternalStatus::Draft
            }
            (Some("sent"), _) => {
                unmapped.increment("email-only posts imported as drafts");
                ExternalStatus::Draft
            }
            _ => ExternalStatus::Draft,
        }
    }

    /// Takes the HTML, which every version of Ghost renders, or else the Markdown source.
    fn take_content(&mut self) -> Result<Option<String>, String> {
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(text) = non_empty(self.html.take()).or_else(|| non_empty(self.markdown.take())) {
            return Ok(Some(text));
        }
        match (non_empty(self.mobiledoc.take()), non_empty(self.lexical.take())) {
            (Some(document), _) => markdown_in_mobiledoc(&document),
            (None, Some(document)) => check_empty_lexical(&document).map(|()| None),
            (None, None) => Ok(None),
        }
    }
}

/// The placeholder for the site's URL in Ghost exports.
const SITE_URL: &str = "__GHOST_URL__";

fn time(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_i64().and_then(millisecond_time),
        Value::String(text) => sql_time(text),
        _ => None,
    }
}

/// Extracts the Markdown from a Mobiledoc with a single Markdown card, which is how Ghost 1 stored every post. Returns
/// `None` for an empty document.
fn markdown_in_mobiledoc(document: &str) -> Result<Option<String>, String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Mobiledoc {
        cards: Vec<(String, Value)>,
        sections: Vec<Value>,
    }
    let unsupported = || "has a Mobiledoc document without HTML, which only Ghost can render".to_owned();
    let Mobiledoc { cards, sections } = serde_json::from_str(document).map_err(|_| unsupported())?;
    // A text section is [1, "p", [[0, [], 0, "text"], …]].
    let markers = |section: &Value| section.get(2).and_then(Value::as_array).cloned();
    let is_empty = |marker: &Value| marker.get(3).and_then(Value::as_str) == Some("");
    match cards.as_slice() {
        [] if sections.iter().all(|section| markers(section).is_some_and(|all| all.iter().all(is_empty))) => Ok(None),
        [(kind, card)] if kind.ends_with("markdown") && sections.len() <= 1 => {
            card.get("markdown").and_then(Value::as_str).map(|text| Some(text.to_owned())).ok_or_else(unsupported)
        }
        _ => Err(unsupported()),
    }
}

/// Accepts a Lexical document only if it is empty, because this service cannot render it.
fn check_empty_lexical(document: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let is_empty = |paragraph: &Value| {
        paragraph.get("type").is_some_and(|kind| kind == "paragraph")
            && paragraph.get("children").and_then(Value::as_array).is_some_and(Vec::is_empty)
    };
    match document.pointer("/root/children").and_then(Value::as_array) {
        Some(paragraphs) if paragraphs.iter().all(is_empty) => Ok(()),
        _ => Err("has a Lexical document without HTML, which only Ghost can render".into()),
    }
}
