//! Export of all posts as Markdown files with YAML front matter: `SLUG.md`.

mod file_text;
mod yaml;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::db::{Connection, Timestamp};
use crate::posts::validate;
use crate::transfer::error::Error;
use crate::transfer::export::{Contents, read_posts};
use crate::transfer::markdown_export::file_text::file_text;
use crate::transfer::printable::quoted;
use crate::transfer::progress::TransferProgress;

/// What an export does in a folder that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFiles {
    /// Fail.
    Refuse,
    /// Replace the files with the names of posts, and leave all others.
    Replace,
}

/// The number of files that an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarkdownExport {
    pub posts: u64,
    /// Files that had the same text before. They were not written.
    pub unchanged: u64,
}

/// Writes one file per post to `folder`, which is created if it is missing.
///
/// # Errors
/// The folder is not empty, a post has an invalid slug, which an external writer has set, a query failed, or a file
/// cannot be written. The files written before the error remain.
pub fn export_markdown(
    conn: &mut Connection,
    folder: &Path,
    existing: ExistingFiles,
    on_progress: impl FnMut(TransferProgress),
) -> Result<MarkdownExport, Error> {
    let in_folder = |error: io::Error| Error::Path { path: folder.display().to_string(), error };
    fs::create_dir_all(folder).map_err(in_folder)?;
    if existing == ExistingFiles::Refuse && fs::read_dir(folder).map_err(in_folder)?.next().is_some() {
        return Err(Error::NotEmpty { path: folder.display().to_string() });
    }
    let now = Timestamp::now();
    let mut unchanged = 0;
    let (posts, _) = read_posts(conn, Contents::Posts, on_progress, |post| {
        // A path in place of a slug would name a file outside of the folder.
        let slug = validate::slug(post.post.slug.clone()).map_err(|invalid| {
            Error::Format(format!("the slug {} of post {} {}", quoted(&post.post.slug), post.post.id, invalid.detail))
        })?;
        let path = folder.join(format!("{slug}.md"));
        let is_written = write_if_changed(folder, &path, &file_text(&post, now));
        unchanged += u64::from(!is_written.map_err(|error| Error::Path { path: path.display().to_string(), error })?);
        Ok(())
    })?;
    Ok(MarkdownExport { posts, unchanged })
}

/// Writes a file, unless it has this text already. Renames a complete file to its name, so that an interrupted export
/// leaves no partial file, and a symbolic link with this name is replaced and not followed. Returns whether it wrote.
fn write_if_changed(folder: &Path, path: &Path, text: &str) -> io::Result<bool> {
    if is_regular_file(path)? && fs::read(path)? == text.as_bytes() {
        return Ok(false);
    }
    let mut file = temporary_file(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(true)
}

fn is_regular_file(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file with the permissions of other new files, which the process's mask restricts. Its name begins with a period,
/// so that no import reads what an interrupted export leaves.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".posts-api-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
