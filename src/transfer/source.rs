//! What files are made of, whatever their format.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::rc::Rc;

use crate::transfer::Error;
use crate::transfer::imported_post::ImportedPost;
use crate::transfer::keys::{ImportedKey, LastIds};

/// What wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// This service, or whoever writes a post a line as JSON.
    #[default]
    Ndjson,
    /// WordPress, "Tools → Export" (WXR 1.0 to 1.2).
    WordPress,
    /// Ghost, "Settings → Export".
    Ghost,
}

/// A line of the file, or an item in it.
pub(crate) struct Item {
    /// `line`, `item` or `post`.
    pub(crate) unit: &'static str,
    /// Counted from 1.
    pub(crate) number: u64,
    /// Bytes that it takes in memory, about.
    pub(crate) size: usize,
    /// Or why it cannot be imported.
    pub(crate) record: Result<Record, String>,
    /// What was made of it that its author may not expect.
    pub(crate) notes: Vec<String>,
}

pub(crate) enum Record {
    Post(Box<ImportedPost>),
    Key(ImportedKey),
    LastIds(LastIds),
}

/// Takes the items as they are read; an error ends the reading.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Item) -> Result<(), Error>;

/// What there was in the file that posts here do not have, and how much of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<&'static str, u64>);

impl LeftOut {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(what, count)| (*what, *count))
    }
}

/// Counts what is read of a file, and ends it where one item of it is larger than memory should have to hold.
pub(crate) struct Metered<R> {
    inner: R,
    meter: Meter,
}

/// What a [`Metered`] shares with who reads from it.
#[derive(Clone)]
pub(crate) struct Meter(Rc<Counts>);

struct Counts {
    read: Cell<u64>,
    left: Cell<u64>,
}

/// One line or one element of a file. A post of 512 KiB is at most six times as long in JSON.
const LONGEST: u64 = 16 * 1024 * 1024;

impl Meter {
    pub(crate) fn read(&self) -> u64 {
        self.0.read.get()
    }

    /// What follows is another item.
    pub(crate) fn begin_item(&self) {
        self.0.left.set(LONGEST);
    }

    /// What follows is read past and takes no memory.
    pub(crate) fn end_item(&self) {
        self.0.left.set(u64::MAX);
    }
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R) -> (Self, Meter) {
        let meter = Meter(Rc::new(Counts { read: Cell::new(0), left: Cell::new(u64::MAX) }));
        (Self { inner, meter: meter.clone() }, meter)
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(available) {
            *to = *from;
        }
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.meter.0.left.get() == 0 {
            return Err(std::io::Error::other("one item of it is longer than 16 MiB"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let Counts { read, left } = &*self.meter.0;
        read.set(read.get() + count as u64);
        left.set(left.get().saturating_sub(count as u64));
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_ends_the_reading_where_it_is_too_long_and_many_short_ones_do_not() {
        let (mut metered, meter) = Metered::new(std::io::BufReader::new(std::io::repeat(b'x')));
        let mut buffer = [0; 4096];
        for _ in 0..3 {
            meter.begin_item();
            for _ in 0..LONGEST / 4096 - 1 {
                metered.read_exact(&mut buffer).unwrap();
            }
        }
        assert_eq!(meter.read(), 3 * (LONGEST - 4096));
        metered.read_exact(&mut buffer).unwrap();
        let error = metered.read_exact(&mut buffer).unwrap_err();
        assert!(error.to_string().contains("16 MiB"), "{error}");
    }
}
