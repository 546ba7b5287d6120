//! Converts the text of a file to a post.

use std::path::Path;

use serde_json::{Map, Value};

use crate::db::Timestamp;
use crate::posts::validate::MAX_TITLE;
use crate::transfer::formats::markdown::dates::DateParser;
use crate::transfer::formats::markdown::fields;
use crate::transfer::formats::markdown::front_matter;
use crate::transfer::formats::markdown::front_matter::{Document, FrontMatterValue};
use crate::transfer::formats::markdown::keys;
use crate::transfer::formats::markdown::keys::Members;
use crate::transfer::formats::markdown::markup::{first_heading, unprocessed};
use crate::transfer::formats::markdown::report::FileReport;
use crate::transfer::formats::markdown::source_path::SourcePath;
use crate::transfer::formats::markdown::state::PostState;
use crate::transfer::formats::post_fields::FittedFields;
use crate::transfer::imported_post;
use crate::transfer::imported_post::{ExternalSlug, ImportedPost};
use crate::transfer::printable::quoted;
use crate::transfer::report::Mapping;

/// A post with what its import reports.
pub(super) struct MarkdownPost {
    pub(super) post: ImportedPost,
    pub(super) notes: Vec<String>,
    pub(super) mapping: Mapping,
}

/// Reads the post in `text`, the file at `path`.
pub(super) fn read(text: &str, path: &Path, dates: &mut DateParser, now: Timestamp) -> Result<MarkdownPost, String> {
    let Document { members, body } = front_matter::parse(text)?;
    let source = SourcePath::new(path);
    let mut members = Members::new(members);
    let mut report = FileReport::default();
    let mut post = Map::new();

    let title = read_title(&mut members, body, &source, &mut report);
    let slug = members.take(keys::SLUG, |_, value| value.text().map(|text| text.trim().to_owned()));
    let slug = slug.filter(|slug| !slug.is_empty()).unwrap_or_else(|| source.name.clone());
    let slug = ExternalSlug::new(&slug, &title);
    post.insert("title".to_owned(), title.into());
    post.insert("content".to_owned(), read_content(&mut members, body));
    for (name, value) in PostState::read(&mut members, &source, dates, now, &mut report).into_members() {
        post.insert(name.to_owned(), value);
    }
    let aliases = fields::read_aliases(&mut members, &mut report);
    if !aliases.is_empty() {
        post.insert("aliases".to_owned(), aliases.into());
    }
    fields::read_description(&mut members, &mut report);
    fields::read_image(&mut members, &mut report);
    fields::read_authors(&mut members, &mut report);
    fields::read_tags(&mut members, source.is_of_jekyll, &mut report);
    fields::read_metadata(members, &mut report);
    let is_mdx = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mdx"));
    for markup in unprocessed(body, is_mdx) {
        report.mapping.unmapped.increment(markup);
    }

    let FittedFields { members, notes, mapping } = report.finish();
    post.extend(members);
    let post = imported_post::parse::<ImportedPost>(Value::Object(post), "")?.with_external_slug(slug);
    Ok(MarkdownPost { post, notes, mapping })
}

/// The title, the first heading, or the name of the file. Cuts a title that is too long.
fn read_title(members: &mut Members, body: &str, source: &SourcePath, report: &mut FileReport) -> String {
    let given = members.take(keys::TITLE, |_, value| value.text().map(|text| text.trim().to_owned()));
    let title = given.filter(|title| !title.is_empty()).unwrap_or_else(|| {
        let title = first_heading(body).unwrap_or_else(|| source.title());
        report.notes.push(format!("the post has no title; it becomes {}", quoted(&title)));
        title
    });
    let Some((end, _)) = title.char_indices().nth(MAX_TITLE) else { return title };
    let detail = format!("must be at most {MAX_TITLE} characters; the rest is cut");
    let cut = title.get(..end).unwrap_or_default().trim_end().to_owned();
    report.fields.keep_invalid("title", "title", title.into(), &detail);
    cut
}

/// The content. A file without text is a post without content, unless the front matter says that the content is empty.
fn read_content(members: &mut Members, body: &str) -> Value {
    if !body.is_empty() {
        return body.into();
    }
    let empty = members.take(keys::CONTENT, |_, value| {
        let is_empty = matches!(value, FrontMatterValue::Scalar { json: Value::String(text), .. } if text.is_empty());
        is_empty.then(|| Value::String(String::new()))
    });
    empty.unwrap_or_default()
}
