//! The names of elements. A file can bind WordPress's namespaces to any prefix.

use quick_xml::events::BytesStart;

/// The prefixes that the file binds to known namespaces, each with the usual prefix of the namespace.
#[derive(Debug, Default)]
pub(super) struct Namespaces(Vec<(String, &'static str)>);

impl Namespaces {
    /// Adds the declarations of an element, which apply to the elements in it.
    pub(super) fn add(&mut self, element: &BytesStart<'_>) {
        for (prefix, usual) in declarations(element) {
            if !self.0.iter().any(|(known, _)| *known == prefix) {
                self.0.push((prefix, usual));
            }
        }
    }

    /// The name of an element with the usual prefix of its namespace. A prefix that is not bound to a known namespace
    /// stays, because many programs write the prefixes without or with other namespaces.
    pub(super) fn usual_name(&self, element: &BytesStart<'_>) -> String {
        let name = element.name();
        let (prefix, local) = name.as_ref().split_once(':').unwrap_or(("", name.as_ref()));
        let own = declarations(element).find(|(bound, _)| bound == prefix).map(|(_, usual)| usual);
        let inherited = || self.0.iter().find(|(bound, _)| bound == prefix).map(|(_, usual)| *usual);
        match own.or_else(inherited).unwrap_or(prefix) {
            "" => local.to_owned(),
            prefix => format!("{prefix}:{local}"),
        }
    }
}

/// The declarations of known namespaces: each prefix, or an empty text for the default namespace, and the usual prefix.
fn declarations(element: &BytesStart<'_>) -> impl Iterator<Item = (String, &'static str)> {
    let mut attributes = element.html_attributes();
    attributes.with_checks(false);
    attributes.flatten().filter_map(|attribute| {
        let prefix = attribute.key.as_ref().strip_prefix("xmlns")?;
        let prefix = if prefix.is_empty() { "" } else { prefix.strip_prefix(':')? };
        Some((prefix.to_owned(), usual_prefix(&attribute.value)?))
    })
}

fn usual_prefix(uri: &str) -> Option<&'static str> {
    let (_, address) = uri.split_once("://")?;
    let address = address.trim_end_matches('/');
    match address.strip_prefix("wordpress.org/export/") {
        Some(version) if version.ends_with("/excerpt") => Some("excerpt"),
        Some(_) => Some("wp"),
        None if address == "purl.org/rss/1.0/modules/content" => Some("content"),
        None if address == "purl.org/dc/elements/1.1" => Some("dc"),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_namespace_or_else_the_prefix() {
        let mut namespaces = Namespaces::default();
        namespaces.add(&BytesStart::from_content(
            "rss xmlns:w=\"http://wordpress.org/export/1.2/\" xmlns:e='https://wordpress.org/export/1.0/excerpt/' \
             xmlns:c=\"http://purl.org/rss/1.0/modules/content/\" xmlns:wp=\"w\" xmlns:x=\"http://example.org/\" \
             broken",
            3,
        ));
        for (content, expected) in [
            ("w:status", "wp:status"),
            ("wp:status", "wp:status"),
            ("e:encoded", "excerpt:encoded"),
            ("c:encoded", "content:encoded"),
            ("content:encoded", "content:encoded"),
            ("d:creator xmlns:d=\"http://purl.org/dc/elements/1.1/\"", "dc:creator"),
            ("x:status", "x:status"),
            ("title", "title"),
            ("status xmlns=\"http://wordpress.org/export/1.1/\"", "wp:status"),
            ("y:status xmlns:y=\"http://wordpress.org/export/1.1/\"", "wp:status"),
        ] {
            let length = content.find(' ').unwrap_or(content.len());
            assert_eq!(namespaces.usual_name(&BytesStart::from_content(content, length)), expected, "{content}");
        }
    }
}
