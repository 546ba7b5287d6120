//! Ghost's export: its tables as JSON. Posts are read one by one; of the other tables only lengths are kept.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::transfer::Error;
use crate::transfer::formats::external_post::{Foreign, State, UNDATED, milliseconds, time};
use crate::transfer::source::{Item, LeftOut, Meter, Sink};

/// Hands over every post, and counts what there is besides.
pub(crate) fn read_posts(
    input: impl BufRead,
    meter: &Meter,
    with_pages: bool,
    sink: Sink<'_>,
) -> Result<LeftOut, Error> {
    let mut reading =
        Reading { with_pages, meter, sink, number: 0, has_posts: false, left_out: LeftOut::default(), failure: None };
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = In(Place::Export, &mut reading).deserialize(&mut json).and_then(|()| json.end());
    let Reading { has_posts, number, left_out, failure, .. } = reading;
    match (failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) if error.is_io() => Err(std::io::Error::from(error).into()),
        (None, Err(error)) => {
            Err(Error::Format(format!("the file cannot be read as Ghost's export after its post {number}: {error}")))
        }
        (None, Ok(())) if !has_posts => {
            Err(Error::Format("the file is no export of Ghost: it has no db[0].data.posts".into()))
        }
        (None, Ok(())) => Ok(left_out),
    }
}

struct Reading<'a, 'sink> {
    with_pages: bool,
    meter: &'a Meter,
    sink: Sink<'sink>,
    number: u64,
    has_posts: bool,
    left_out: LeftOut,
    /// Why the reading was ended.
    failure: Option<Error>,
}

impl Reading<'_, '_> {
    fn take(&mut self, value: Value) -> Result<(), Error> {
        self.number += 1;
        let size = value.as_object().and_then(|post| post.get("html")?.as_str()).map_or(0, str::len);
        let (record, notes) = match serde_json::from_value::<GhostPost>(value) {
            Ok(post) => match post.into_post(self.with_pages, &mut self.left_out) {
                Ok(Some(post)) => post.into_record(),
                Ok(None) => return Ok(()),
                Err(reason) => (Err(reason), Vec::new()),
            },
            Err(error) => (Err(format!("is no post of Ghost: {error}")), Vec::new()),
        };
        (self.sink)(Item { unit: "post", number: self.number, size, record, notes })
    }
}

/// Where in the file: `{"db": [{"data": {"posts": […], "tags": […], …}}]}`, also without the outermost two.
#[derive(Clone, Copy)]
enum Place {
    Export,
    Databases,
    Tables,
    Posts,
    Rows(&'static str),
}

struct In<'r, 'a, 'sink>(Place, &'r mut Reading<'a, 'sink>);

impl<'de> DeserializeSeed<'de> for In<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Place::Export | Place::Tables => deserializer.deserialize_map(self),
            Place::Databases | Place::Posts | Place::Rows(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for In<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of Ghost")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let place = match (self.0, key.as_str()) {
                (Place::Export, "db") => Place::Databases,
                (Place::Export, "data") => Place::Tables,
                (Place::Tables, "posts") => Place::Posts,
                (Place::Tables, "tags") => Place::Rows("tags"),
                (Place::Tables, "users") => Place::Rows("authors"),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(In(place, self.1))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let Self(place, reading) = self;
        match place {
            Place::Posts => {
                reading.has_posts = true;
                reading.meter.begin_item();
                while let Some(value) = rows.next_element()? {
                    if let Err(failure) = reading.take(value) {
                        reading.failure = Some(failure);
                        return Err(A::Error::custom("ended"));
                    }
                    reading.meter.begin_item();
                }
                reading.meter.end_item();
            }
            Place::Rows(what) => {
                while rows.next_element::<IgnoredAny>()?.is_some() {
                    reading.left_out.count(what);
                }
            }
            _ => while rows.next_element_seed(In(Place::Export, reading))?.is_some() {},
        }
        Ok(())
    }
}

/// The columns that are looked at. Which there are depends on the version of Ghost.
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
    /// Of old versions, where it is true or 1.
    page: Value,
    created_at: Value,
    updated_at: Value,
    published_at: Value,
}

impl GhostPost {
    /// The post that it is here. `None`: it is something else, which is counted.
    ///
    /// # Errors
    /// Its text is in no form that can be kept.
    fn into_post(mut self, with_pages: bool, left_out: &mut LeftOut) -> Result<Option<Foreign>, String> {
        let is_old_page = self.page == Value::Bool(true) || self.page == 1;
        let is_page = is_old_page || self.kind.as_deref() == Some("page");
        if is_page && !with_pages {
            left_out.count("pages (--pages takes them, too)");
            return Ok(None);
        }
        let content = self.content()?;
        if content.as_ref().is_some_and(|content| content.contains(SITE)) {
            left_out.count("addresses of the site, in posts that have __GHOST_URL__ in their place");
        }
        left_out.add("feature images", u64::from(self.feature_image.is_some()));
        left_out.add("excerpts written by hand", u64::from(self.custom_excerpt.is_some()));
        let published_at = moment(&self.published_at);
        let created_at = moment(&self.created_at).or_else(|| published_at.clone());
        let updated_at = moment(&self.updated_at).or_else(|| created_at.clone());
        let state = self.state(published_at.or_else(|| created_at.clone()), left_out);
        let (title, slug) = (self.title.unwrap_or_default(), self.slug.unwrap_or_default());
        Ok(Some(Foreign { title, slug, content, state, created_at, updated_at }))
    }

    fn state(&self, at: Option<String>, left_out: &mut LeftOut) -> State {
        let is_for_everyone = self.visibility.as_deref().is_none_or(|visibility| visibility == "public");
        match (self.status.as_deref(), at) {
            // Who is no member must not read it here either.
            (Some("published" | "scheduled"), _) if !is_for_everyone => {
                left_out.count("posts for members only, which are drafts now");
                State::Draft
            }
            (Some("published"), Some(at)) => State::Published(at),
            (Some("scheduled"), Some(at)) => State::Scheduled(at),
            (Some("published" | "scheduled"), None) => {
                left_out.count(UNDATED);
                State::Draft
            }
            (Some("sent"), _) => {
                left_out.count("posts that were sent by mail only, which are drafts now");
                State::Draft
            }
            _ => State::Draft,
        }
    }

    /// HTML, which every version renders; else the Markdown that the post was written in.
    fn content(&mut self) -> Result<Option<String>, String> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(text) = given(self.html.take()).or_else(|| given(self.markdown.take())) {
            return Ok(Some(text));
        }
        match (given(self.mobiledoc.take()), given(self.lexical.take())) {
            (Some(document), _) => mobiledoc(&document),
            (None, Some(document)) => lexical(&document),
            (None, None) => Ok(None),
        }
    }
}

/// Stands for the site's own address.
const SITE: &str = "__GHOST_URL__";

fn moment(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_i64().and_then(milliseconds),
        Value::String(text) => time(text),
        _ => None,
    }
}

/// The Markdown in a Mobiledoc that is nothing but one card of it, as Ghost 1 wrote every post. `None`: nobody has
/// written anything in it.
fn mobiledoc(document: &str) -> Result<Option<String>, String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Mobiledoc {
        cards: Vec<(String, Value)>,
        sections: Vec<Value>,
    }
    let unknown = || "has a Mobiledoc without html, which only Ghost can render".to_owned();
    let Mobiledoc { cards, sections } = serde_json::from_str(document).map_err(|_| unknown())?;
    // [1, "p", [[0, [], 0, "text"], …]]
    let markers = |section: &Value| section.get(2).and_then(Value::as_array).cloned();
    let is_empty = |marker: &Value| marker.get(3).and_then(Value::as_str) == Some("");
    match cards.as_slice() {
        [] if sections.iter().all(|section| markers(section).is_some_and(|all| all.iter().all(is_empty))) => Ok(None),
        [(kind, card)] if kind.ends_with("markdown") && sections.len() <= 1 => {
            card.get("markdown").and_then(Value::as_str).map(|text| Some(text.to_owned())).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

/// `None`: nobody has written anything in the document.
fn lexical(document: &str) -> Result<Option<String>, String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let is_empty = |paragraph: &Value| {
        paragraph.get("type").is_some_and(|kind| kind == "paragraph")
            && paragraph.get("children").and_then(Value::as_array).is_some_and(Vec::is_empty)
    };
    match document.pointer("/root/children").and_then(Value::as_array) {
        Some(paragraphs) if paragraphs.iter().all(is_empty) => Ok(None),
        _ => Err("has a Lexical document without html, which only Ghost can render".into()),
    }
}
