//! Finds the Markdown files in folders.
//!
//! Symbolic links in a folder are not followed: a link in an untrusted repository could name any file of this
//! machine, whose content would become a public post. The given paths themselves can be links.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::transfer::report::Counts;

/// An entry of the walk.
pub(super) enum FoundFile {
    Markdown(PathBuf),
    /// A README, which is a post only if it has front matter.
    Readme(PathBuf),
    /// A folder or file that cannot be read.
    Unreadable {
        path: PathBuf,
        error: io::Error,
    },
}

/// Passes the files to `sink`: those of each path in the order of their names. Counts the others.
pub(super) fn walk<E>(
    paths: &[PathBuf],
    skipped: &mut Counts,
    mut sink: impl FnMut(FoundFile) -> Result<(), E>,
) -> Result<(), E> {
    for path in without_nested(paths) {
        let is_visible = |entry: &DirEntry| entry.depth() == 0 || !is_ignored(entry.file_name().as_encoded_bytes());
        for entry in WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(is_visible) {
            match entry {
                Ok(entry) => {
                    if let Some(file) = classify(&entry, skipped) {
                        sink(file)?;
                    }
                }
                Err(error) => {
                    let path = error.path().unwrap_or(path).to_owned();
                    let error = error.into_io_error().unwrap_or_else(|| io::Error::other("is a loop of links"));
                    sink(FoundFile::Unreadable { path, error })?;
                }
            }
        }
    }
    Ok(())
}

/// The paths that are not in another one, so that no file is found twice.
fn without_nested(paths: &[PathBuf]) -> Vec<&Path> {
    let resolved: Vec<PathBuf> =
        paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect();
    let is_nested = |index: usize, path: &Path| {
        resolved.iter().enumerate().any(|(other, root)| path.starts_with(root) && (path != root || other < index))
    };
    let kept = paths.iter().zip(&resolved).enumerate().filter(|(index, (_, path))| !is_nested(*index, path));
    kept.map(|(_, (path, _))| path.as_path()).collect()
}

/// Hidden files and folders, such as `.git`, and the packages of npm, which have a README each.
fn is_ignored(name: &[u8]) -> bool {
    name.starts_with(b".") || name == b"node_modules"
}

/// Returns a file that may have a post. Counts the others.
fn classify(entry: &DirEntry, skipped: &mut Counts) -> Option<FoundFile> {
    // A given path can be a link.
    let is_root = entry.depth() == 0;
    let file_type = entry.file_type();
    if file_type.is_dir() || is_root && entry.path().is_dir() {
        return None;
    }
    if !(file_type.is_file() || is_root && entry.path().is_file()) {
        skipped.increment(if file_type.is_symlink() { "symbolic links skipped" } else { "special files skipped" });
        return None;
    }
    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let reason = match extension {
        "md" | "markdown" | "mdx" if is_named(stem, "_index") => "section pages (_index.md) skipped",
        "md" | "markdown" | "mdx" if is_named(stem, "readme") => {
            return Some(FoundFile::Readme(entry.path().to_owned()));
        }
        "md" | "markdown" | "mdx" => return Some(FoundFile::Markdown(entry.path().to_owned())),
        _ => "files other than .md, .markdown, and .mdx skipped",
    };
    skipped.increment(reason);
    None
}

/// Whether a file has this name, in any language: `readme.fr`.
fn is_named(stem: &str, name: &str) -> bool {
    stem.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
