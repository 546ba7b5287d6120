//! Splits a JSON document into the raw text of its values, without parsing them.
//!
//! An export has many values that the import does not read. The scanner finds only the end of such a value, so it
//! accepts any value: numbers of any size, strings with any escapes, and any nesting, without recursion and in constant
//! memory. For the same reason, a value that is read can be invalid without affecting the values after it.

use std::io::BufRead;

use crate::transfer::error::Error;

/// Reads one JSON document.
pub(super) struct JsonScanner<R> {
    input: R,
    /// The number of bytes before the current position.
    position: u64,
}

/// The raw text of a value.
pub(super) enum RawJson {
    Text(Vec<u8>),
    /// The value is longer than the given limit. The scanner has skipped it.
    TooLong,
}

/// Stores a value up to a limit, or nothing.
struct Capture {
    text: Vec<u8>,
    max: usize,
    is_too_long: bool,
}

impl Capture {
    fn new(max: usize) -> Self {
        Self { text: Vec::new(), max, is_too_long: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() <= self.max {
            self.text.extend_from_slice(bytes);
        } else {
            self.is_too_long = true;
        }
    }
}

impl<R: BufRead> JsonScanner<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, position: 0 }
    }

    /// The next byte that is not whitespace, without consuming it. `None` at the end of the file.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            let Some(byte) = self.peek_byte()? else { return Ok(None) };
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.consume(1);
        }
    }

    /// Consumes the start of an object (`{`) or an array (`[`).
    pub(super) fn open(&mut self, bracket: u8) -> Result<(), Error> {
        match self.peek()? {
            Some(byte) if byte == bracket => {
                self.consume(1);
                Ok(())
            }
            _ if bracket == b'{' => Err(self.error("expected an object")),
            _ => Err(self.error("expected an array")),
        }
    }

    /// Moves to the next member of an object and returns its name. Consumes the end of the object and returns `None`.
    pub(super) fn next_name(&mut self) -> Result<Option<String>, Error> {
        // Longer than each name that an import reads.
        const MAX_NAME: usize = 256;
        if !self.next_item(b'}')? {
            return Ok(None);
        }
        if self.peek()? != Some(b'"') {
            return Err(self.error("expected a member name"));
        }
        let name = match self.value(MAX_NAME)? {
            RawJson::Text(name) => serde_json::from_slice(&name).unwrap_or_default(),
            RawJson::TooLong => String::new(),
        };
        if self.peek()? != Some(b':') {
            return Err(self.error("expected a colon"));
        }
        self.consume(1);
        Ok(Some(name))
    }

    /// Moves to the next element of an array. Consumes the end of the array and returns `false`.
    pub(super) fn next_element(&mut self) -> Result<bool, Error> {
        self.next_item(b']')
    }

    fn next_item(&mut self, end: u8) -> Result<bool, Error> {
        loop {
            match self.peek()? {
                Some(b',') => self.consume(1),
                Some(byte) if byte == end => {
                    self.consume(1);
                    return Ok(false);
                }
                Some(_) => return Ok(true),
                None => return Err(self.error("unexpected end of file")),
            }
        }
    }

    /// Skips a value.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        self.value(0).map(drop)
    }

    /// Reads a value of at most `max` bytes.
    pub(super) fn value(&mut self, max: usize) -> Result<RawJson, Error> {
        let mut capture = Capture::new(max);
        match self.peek()? {
            Some(b'"') => self.string(&mut capture)?,
            Some(b'{' | b'[') => self.nested(&mut capture)?,
            Some(b'0'..=b'9' | b'-' | b'a'..=b'z') => self.scalar(&mut capture)?,
            Some(_) => return Err(self.error("expected a value")),
            None => return Err(self.error("unexpected end of file")),
        }
        Ok(if capture.is_too_long { RawJson::TooLong } else { RawJson::Text(capture.text) })
    }

    /// Checks that nothing follows the document.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.peek()?.is_some() { Err(self.error("unexpected text after the end of the document")) } else { Ok(()) }
    }

    pub(super) fn error(&self, reason: &str) -> Error {
        Error::Format(format!("{reason} at byte {}", self.position))
    }

    /// An object or array. Counts its brackets, whatever their kind.
    fn nested(&mut self, capture: &mut Capture) -> Result<(), Error> {
        let mut depth = 0_u64;
        loop {
            self.capture_until(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'), capture)?;
            match self.peek_byte()? {
                Some(b'"') => {
                    self.string(capture)?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                _ => depth -= 1,
            }
            self.capture_byte(capture)?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string(&mut self, capture: &mut Capture) -> Result<(), Error> {
        self.capture_byte(capture)?;
        loop {
            self.capture_until(|byte| matches!(byte, b'"' | b'\\'), capture)?;
            let is_end = self.peek_byte()? == Some(b'"');
            self.capture_byte(capture)?;
            if is_end {
                return Ok(());
            }
            // The byte after a backslash.
            self.capture_byte(capture)?;
        }
    }

    /// A number, `true`, `false`, or `null`.
    fn scalar(&mut self, capture: &mut Capture) -> Result<(), Error> {
        while let Some(byte) = self.peek_byte()?.filter(|byte| !matches!(byte, b',' | b']' | b'}')) {
            if byte.is_ascii_whitespace() {
                break;
            }
            self.capture_byte(capture)?;
        }
        Ok(())
    }

    /// Captures the bytes before the next byte for which `is_end` returns true.
    fn capture_until(&mut self, is_end: impl Fn(u8) -> bool, capture: &mut Capture) -> Result<(), Error> {
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Err(self.error("unexpected end of file"));
            }
            let found = bytes.iter().position(|byte| is_end(*byte));
            let count = found.unwrap_or(bytes.len());
            capture.push(bytes.get(..count).unwrap_or_default());
            self.consume(count);
            if found.is_some() {
                return Ok(());
            }
        }
    }

    fn capture_byte(&mut self, capture: &mut Capture) -> Result<(), Error> {
        let Some(byte) = self.peek_byte()? else { return Err(self.error("unexpected end of file")) };
        capture.push(&[byte]);
        self.consume(1);
        Ok(())
    }

    fn peek_byte(&mut self) -> Result<Option<u8>, Error> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.position += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The raw values of the members of an object.
    fn members(json: &str) -> Result<Vec<(String, String)>, Error> {
        // A buffer of one byte splits every token.
        let mut scanner = JsonScanner::new(std::io::BufReader::with_capacity(1, json.as_bytes()));
        let mut members = Vec::new();
        scanner.open(b'{')?;
        while let Some(name) = scanner.next_name()? {
            let RawJson::Text(value) = scanner.value(100)? else {
                members.push((name, "too long".to_owned()));
                continue;
            };
            members.push((name, String::from_utf8(value).unwrap()));
        }
        scanner.end().map(|()| members)
    }

    #[test]
    fn values_are_split_and_not_parsed() {
        for value in
            ["1e999", "-0", "null", "\"\"", "\"\\ud800\\\"}\"", "[[{\"a\":[1,{}]}],\"]\"]", "{\"a\": {\"}\": 1}}"]
        {
            let json = format!(" {{ \"a\" : {value}, \"\\u0062\":{value} }} ");
            let value = value.to_owned();
            assert_eq!(members(&json).unwrap(), [("a".to_owned(), value.clone()), ("b".to_owned(), value)], "{json}");
        }
        let long = format!("{{\"{}\": [{}], \"b\": 1}}", "n".repeat(300), "0,".repeat(60) + "0");
        let expected = [(String::new(), "too long".to_owned()), ("b".to_owned(), "1".to_owned())];
        assert_eq!(members(&long).unwrap(), expected);
    }

    #[test]
    fn truncated_and_malformed_documents_are_refused() {
        for json in ["", "[]", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":\"\\", "{\"a\":1", "{}x", "{1:2}"]
        {
            assert!(members(json).is_err(), "{json}");
        }
    }

    #[test]
    fn skipping_deep_nesting_takes_constant_memory() {
        let depth = 3_000_000;
        let json = "[".repeat(depth) + &"]".repeat(depth);
        let mut scanner = JsonScanner::new(json.as_bytes());
        scanner.skip().unwrap();
        scanner.end().unwrap();
        assert_eq!(scanner.position, 2 * depth as u64);
    }
}
