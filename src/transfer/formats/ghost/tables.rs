//! The structure of an export: `{"db": [{"data": {"posts": […], "tags": […], …}}]}`. Some exports omit `db` and its
//! array.

use std::io::BufRead;

use crate::transfer::error::Error;
use crate::transfer::formats::json_scanner::{JsonScanner, RawJson};
use crate::transfer::limits::MAX_ITEM_BYTES;

/// The tables that an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GhostTable {
    Posts,
    PostsAuthors,
    PostsMeta,
    PostsTags,
    Settings,
    Tags,
    Users,
}

impl GhostTable {
    const ALL: [Self; 7] =
        [Self::Posts, Self::PostsAuthors, Self::PostsMeta, Self::PostsTags, Self::Settings, Self::Tags, Self::Users];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::PostsAuthors => "posts_authors",
            Self::PostsMeta => "posts_meta",
            Self::PostsTags => "posts_tags",
            Self::Settings => "settings",
            Self::Tags => "tags",
            Self::Users => "users",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Whether the rows say which posts are public. Such a table must be valid.
    pub(super) fn decides_visibility(self) -> bool {
        matches!(self, Self::Posts | Self::PostsMeta | Self::Settings)
    }
}

/// A row of a table. `number` counts the rows of all tables of this name in the file, from 1.
pub(super) struct GhostRow {
    pub(super) table: GhostTable,
    pub(super) number: u64,
    pub(super) json: RawJson,
}

/// Receives the rows. The reader stops at the first error and returns it.
type RowSink<'a> = &'a mut dyn FnMut(GhostRow) -> Result<(), Error>;

/// Passes each row of the tables to `sink`.
pub(super) fn read_tables(input: impl BufRead, sink: RowSink<'_>) -> Result<(), Error> {
    let mut reader = TableReader { scanner: JsonScanner::new(input), posts: 0, has_posts: false, sink };
    match reader.export().and_then(|()| reader.scanner.end()) {
        Err(Error::Format(reason)) => Err(Error::Format(format!(
            "failed to parse the file as a Ghost export after post {}: {reason}",
            reader.posts
        ))),
        Err(error) => Err(error),
        Ok(()) if !reader.has_posts => {
            Err(Error::Format("not a Ghost export: the file has no db[0].data.posts".into()))
        }
        Ok(()) => Ok(()),
    }
}

struct TableReader<'a, R> {
    scanner: JsonScanner<R>,
    /// The number of posts so far.
    posts: u64,
    has_posts: bool,
    sink: RowSink<'a>,
}

impl<R: BufRead> TableReader<'_, R> {
    fn export(&mut self) -> Result<(), Error> {
        self.scanner.open(b'{')?;
        let mut names = Vec::new();
        while let Some(name) = self.scanner.next_name()? {
            match name.as_str() {
                "db" | "data" if self.is_null()? => self.scanner.skip()?,
                "db" => {
                    self.reject_repeated(name, &mut names)?;
                    self.scanner.open(b'[')?;
                    // Each element has the same members as an export without `db`.
                    while self.scanner.next_element()? {
                        self.export()?;
                    }
                }
                "data" => {
                    self.reject_repeated(name, &mut names)?;
                    self.tables()?;
                }
                _ => self.scanner.skip()?,
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Result<(), Error> {
        self.scanner.open(b'{')?;
        let mut names = Vec::new();
        while let Some(name) = self.scanner.next_name()? {
            match GhostTable::of_name(&name) {
                Some(table) if table.decides_visibility() && !self.is_null()? => {
                    self.reject_repeated(name, &mut names)?;
                    self.rows(table)?;
                }
                Some(table) if self.scanner.peek()? == Some(b'[') => self.rows(table)?,
                _ => self.scanner.skip()?,
            }
        }
        Ok(())
    }

    fn rows(&mut self, table: GhostTable) -> Result<(), Error> {
        self.has_posts |= table == GhostTable::Posts;
        self.scanner.open(b'[')?;
        let max = usize::try_from(MAX_ITEM_BYTES).unwrap_or(usize::MAX);
        let mut number = if table == GhostTable::Posts { self.posts } else { 0 };
        while self.scanner.next_element()? {
            let json = self.scanner.value(max)?;
            number += 1;
            if table == GhostTable::Posts {
                self.posts = number;
            }
            (self.sink)(GhostRow { table, number, json })?;
        }
        Ok(())
    }

    fn is_null(&mut self) -> Result<bool, Error> {
        Ok(self.scanner.peek()? == Some(b'n'))
    }

    fn reject_repeated(&self, name: String, names: &mut Vec<String>) -> Result<(), Error> {
        if names.contains(&name) {
            return Err(self.scanner.error(&format!("the member name \"{name}\" is repeated")));
        }
        names.push(name);
        Ok(())
    }
}
