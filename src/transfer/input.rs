//! The input of an import: a file, which can be read twice, a stream, which cannot, or paths.

use std::fs::File;
use std::io::{BufRead, BufReader, Chain, Cursor, Read, Seek, Write};
use std::path::PathBuf;

use crate::transfer::error::Error;

/// What an import reads.
pub enum ImportInput<'a> {
    /// A regular file.
    File(File),
    /// Standard input, a pipe, or text in memory.
    Stream(Box<dyn BufRead + 'a>),
    /// Folders and files, for formats that have one file per post.
    Paths(Vec<PathBuf>),
}

impl<'a> From<&'a [u8]> for ImportInput<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Stream(Box::new(bytes))
    }
}

impl<'a> ImportInput<'a> {
    /// A reader for formats that are read once.
    pub(crate) fn into_reader(self) -> std::io::Result<Box<dyn BufRead + 'a>> {
        match self {
            Self::File(file) => Ok(Box::new(BufReader::new(file))),
            Self::Stream(stream) => Ok(stream),
            Self::Paths(_) => Err(Self::unsupported("a file or a stream")),
        }
    }

    /// The paths, for formats that have one file per post.
    pub(crate) fn into_paths(self) -> std::io::Result<Vec<PathBuf>> {
        match self {
            Self::Paths(paths) => Ok(paths),
            Self::File(_) | Self::Stream(_) => Err(Self::unsupported("paths")),
        }
    }

    fn unsupported(expected: &str) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("this format is read from {expected}"))
    }

    /// Reads a format that is read twice for the first time. Returns the result and a file for the second time.
    ///
    /// Copies a stream to a temporary file, which nothing else can open. The first reading gets the bytes as they come,
    /// so that a wrong file is refused before all of it is copied.
    pub(crate) fn survey<T>(self, read: impl FnOnce(&mut dyn BufRead) -> Result<T, Error>) -> Result<(T, File), Error> {
        match self {
            Self::File(mut file) => {
                let result = read(&mut BufReader::new(&file))?;
                file.rewind()?;
                Ok((result, file))
            }
            Self::Stream(stream) => {
                let mut reader = CopyingReader { inner: stream, copy: tempfile::tempfile()?, copied: 0 };
                let result = read(&mut reader)?;
                reader.copy.rewind()?;
                Ok((result, reader.copy))
            }
            Self::Paths(_) => Err(Self::unsupported("a file or a stream").into()),
        }
    }
}

/// Copies the bytes that are read to a file.
struct CopyingReader<R> {
    inner: R,
    copy: File,
    /// The number of bytes in the buffer of `inner` that have been copied.
    copied: usize,
}

impl<R: BufRead> Read for CopyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for CopyingReader<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        if let Some(new) = bytes.get(self.copied..) {
            self.copy.write_all(new)?;
        }
        self.copied = bytes.len();
        Ok(bytes)
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.copied -= count;
    }
}

/// The bytes that [`skip_byte_order_mark`] has read ahead, and the rest of the input.
pub(crate) type Unmarked<R> = Chain<Cursor<Vec<u8>>, R>;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Removes a byte order mark. Some editors and the PowerShell write one.
///
/// # Errors
/// The input is UTF-16 or a compressed file.
pub(crate) fn skip_byte_order_mark<R: BufRead>(mut input: R) -> Result<Unmarked<R>, Error> {
    let mut start = Vec::new();
    input.by_ref().take(4).read_to_end(&mut start)?;
    if start.starts_with(UTF8_MARK) {
        start.drain(..UTF8_MARK.len());
    }
    match start.as_slice() {
        // With a byte order mark, or with an ASCII character as the first one. UTF-32 also matches.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [1..=0x7f, 0, ..] | [0, 0 | 0x20..=0x7f, ..] => {
            Err(Error::Format("the file is encoded as UTF-16; convert it to UTF-8".into()))
        }
        [b'P', b'K', 3, 4] => Err(Error::Format("the file is a ZIP archive; extract the file in it".into())),
        [0x1f, 0x8b, ..] => Err(Error::Format("the file is compressed with gzip; decompress it".into())),
        _ => Ok(Cursor::new(start).chain(input)),
    }
}

/// The line without a byte order mark, which also precedes the first line of each file that was appended to another.
pub(crate) fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(UTF8_MARK).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_copied_for_the_second_reading() {
        for capacity in [1, 3, 100] {
            let stream = BufReader::with_capacity(capacity, b"first line\nrest".as_slice());
            let read = |reader: &mut dyn BufRead| {
                let (mut line, mut rest) = (String::new(), Vec::new());
                skip_byte_order_mark(&mut *reader)?.read_line(&mut line)?;
                reader.read_to_end(&mut rest)?;
                Ok((line, rest))
            };
            let ((line, rest), mut copy) = ImportInput::Stream(Box::new(stream)).survey(read).unwrap();
            assert_eq!((line.as_str(), rest.as_slice()), ("first line\n", b"rest".as_slice()));
            let mut text = String::new();
            copy.read_to_string(&mut text).unwrap();
            assert_eq!(text, "first line\nrest");
        }
    }

    #[test]
    fn only_a_byte_order_mark_is_skipped() {
        for (bytes, expected) in [
            (b"\xef\xbb\xbf{}".as_slice(), b"{}".as_slice()),
            (b"\xef\xbb\xbf", b""),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"", b""),
            (b"{}\n{}", b"{}\n{}"),
        ] {
            let mut rest = Vec::new();
            skip_byte_order_mark(bytes).unwrap().read_to_end(&mut rest).unwrap();
            assert_eq!(rest, expected);
        }
    }

    #[test]
    fn other_encodings_and_archives_are_refused() {
        for (bytes, expected) in [
            (b"\xff\xfe{\0".as_slice(), "UTF-16"),
            (b"\xfe\xff\0{", "UTF-16"),
            (b"<\0?\0", "UTF-16"),
            (b"\0<\0?", "UTF-16"),
            (b"\xff\xfe\0\0", "UTF-16"),
            (b"PK\x03\x04", "ZIP"),
            (b"\x1f\x8b\x08\0", "gzip"),
        ] {
            let error = skip_byte_order_mark(bytes).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
