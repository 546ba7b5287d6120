//! The files of the documentation page: Scalar's script, and the page that configures it. All files are part of the
//! binary, so the page works offline.

use std::sync::LazyLock;

use crate::ops::docs::static_file::StaticFile;

/// The files by name.
static FILES: LazyLock<[(&str, StaticFile); 3]> = LazyLock::new(|| {
    let scalar = StaticFile::precompressed(
        JAVASCRIPT,
        include_bytes!(concat!(env!("OUT_DIR"), "/scalar.js.gz")),
        include_bytes!(concat!(env!("OUT_DIR"), "/scalar.js.br")),
    );
    [
        ("scalar.js", scalar),
        ("page.js", StaticFile::new(JAVASCRIPT, include_str!("assets/page.js"))),
        ("page.css", StaticFile::new("text/css; charset=utf-8", include_str!("assets/page.css"))),
    ]
});
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page. Its links are relative, so that it works behind a proxy that serves it below another path.
static PAGE: LazyLock<StaticFile> = LazyLock::new(|| {
    let link = |page: String, (name, file): &(&str, StaticFile)| {
        page.replace(&format!("\"docs/{name}\""), &format!("\"docs/{name}?v={}\"", file.hash()))
    };
    let page = FILES.iter().fold(include_str!("assets/index.html").to_owned(), link);
    StaticFile::new("text/html; charset=utf-8", page)
});

pub(super) fn page() -> &'static StaticFile {
    &PAGE
}

pub(super) fn file(name: &str) -> Option<&'static StaticFile> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| file)
}
