//! A reader that counts bytes and limits the size of one item.

use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;

use crate::transfer::limits::{MAX_ITEM, MAX_ITEM_BYTES};

/// Counts the bytes that a parser reads. Fails if one item exceeds [`MAX_ITEM_BYTES`], which bounds the memory use of
/// an import. There is no limit before the first call of [`Meter::begin_item`].
pub(crate) struct MeteredReader<R> {
    inner: R,
    meter: Meter,
}

/// The counters of a [`MeteredReader`], shared with the parser that owns the reader.
#[derive(Clone)]
pub(crate) struct Meter(Rc<Counters>);

struct Counters {
    read: Cell<u64>,
    /// Bytes left until the limit.
    remaining: Cell<u64>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Counters { read: Cell::new(0), remaining: Cell::new(u64::MAX) }))
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.0.read.get()
    }

    /// Counts the bytes of a file that was read as a whole.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.read.set(self.0.read.get() + bytes);
    }

    /// Marks the start of an item: the limit applies to the bytes from here on.
    pub(crate) fn begin_item(&self) {
        self.0.remaining.set(MAX_ITEM_BYTES);
    }
}

impl<R> MeteredReader<R> {
    pub(crate) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter }
    }
}

impl<R: BufRead> Read for MeteredReader<R> {
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

impl<R: BufRead> BufRead for MeteredReader<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.meter.0.remaining.get() == 0 {
            return Err(std::io::Error::other(format!("an item is longer than {MAX_ITEM}")));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let Counters { read, remaining } = &*self.meter.0;
        read.set(read.get() + count as u64);
        remaining.set(remaining.get().saturating_sub(count as u64));
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_applies_to_each_item_and_not_to_the_file() {
        let meter = Meter::new();
        let mut reader = MeteredReader::new(std::io::BufReader::new(std::io::repeat(b'x')), meter.clone());
        let mut buffer = [0; 4096];
        for _ in 0..3 {
            meter.begin_item();
            for _ in 0..MAX_ITEM_BYTES / 4096 - 1 {
                reader.read_exact(&mut buffer).unwrap();
            }
        }
        assert_eq!(meter.bytes_read(), 3 * (MAX_ITEM_BYTES - 4096));
        reader.read_exact(&mut buffer).unwrap();
        let error = reader.read_exact(&mut buffer).unwrap_err();
        assert!(error.to_string().contains("16 MiB"), "{error}");
    }
}
