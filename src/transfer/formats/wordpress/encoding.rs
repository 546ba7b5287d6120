//! The encoding of an export. WordPress exports a file in the encoding of the site, which is another than UTF-8 on some
//! old sites.

use std::io::{BufRead, Chain, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

use crate::transfer::error::Error;

/// Decodes a file that declares another encoding than UTF-8 (`<?xml version="1.0" encoding="ISO-8859-1"?>`).
///
/// # Errors
/// The declared encoding is unknown.
pub(crate) fn decode<'a>(mut input: impl BufRead + 'a) -> Result<Box<dyn BufRead + 'a>, Error> {
    let start = read_declaration(&mut input)?;
    let label = declared_encoding(&start).map(str::to_owned);
    let input = Cursor::new(start).chain(input);
    let encoding = match &label {
        None => UTF_8,
        Some(label) => Encoding::for_label(label.as_bytes())
            .ok_or_else(|| Error::Format(format!("the file declares the unknown encoding \"{label}\"")))?,
    };
    // A file that is read as ASCII cannot be UTF-16, whatever it declares.
    if encoding.output_encoding() == UTF_8 && encoding == encoding.output_encoding() || !encoding.is_ascii_compatible()
    {
        return Ok(Box::new(input));
    }
    Ok(Box::new(DecodingReader::new(input, encoding)))
}

/// Reads until the end of the declaration, or of the first tag.
fn read_declaration(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    const MAX_DECLARATION: u64 = 1024;
    let mut start = Vec::new();
    input.take(MAX_DECLARATION).read_until(b'>', &mut start)?;
    Ok(start)
}

fn declared_encoding(start: &[u8]) -> Option<&str> {
    let declaration = str::from_utf8(start).ok()?.trim_start().strip_prefix("<?xml")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(label, _)| label)
}

/// Decodes to UTF-8. Replaces malformed sequences with U+FFFD.
struct DecodingReader<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    decoder: Decoder,
    decoded: Vec<u8>,
    position: usize,
    is_finished: bool,
}

impl<R: BufRead> DecodingReader<R> {
    const BUFFER: usize = 16 * 1024;

    fn new(input: Chain<Cursor<Vec<u8>>, R>, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { input, decoder, decoded: Vec::new(), position: 0, is_finished: false }
    }

    /// Decodes the next bytes if the buffer has been consumed.
    fn refill(&mut self) -> std::io::Result<()> {
        while self.position == self.decoded.len() && !self.is_finished {
            let bytes = self.input.fill_buf()?;
            let is_last = bytes.is_empty();
            self.decoded.resize(Self::BUFFER, 0);
            let (result, read, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.decoded, is_last);
            self.input.consume(read);
            self.decoded.truncate(written);
            self.position = 0;
            self.is_finished = is_last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for DecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for DecodingReader<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.refill()?;
        Ok(self.decoded.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        let mut text = String::new();
        // A buffer of one byte splits every character.
        decode(std::io::BufReader::with_capacity(1, bytes)).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn declared_encodings_are_decoded() {
        assert_eq!(
            decoded(b"<?xml version='1.0' encoding = 'ISO-8859-1'?>\xe9\x80"),
            "<?xml version='1.0' encoding = 'ISO-8859-1'?>é€"
        );
        assert_eq!(
            decoded(b"\n<?xml version=\"1.0\" encoding=\"Shift_JIS\"?>\x93\xfa\x96{"),
            "\n<?xml version=\"1.0\" encoding=\"Shift_JIS\"?>日本"
        );
        let long = [b"<?xml encoding=\"windows-1251\"?>".as_slice(), &b"\xef".repeat(100_000)].concat();
        assert_eq!(decoded(&long).chars().filter(|c| *c == 'п').count(), 100_000);
        for text in
            ["<rss>é", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>é", "<?xml encoding=\"utf-16\"?>é", "<?xml?>é", ""]
        {
            assert_eq!(decoded(text.as_bytes()), text);
        }
    }

    #[test]
    fn unknown_encoding_is_refused() {
        let error = decode(b"<?xml encoding=\"klingon\"?>".as_slice()).err().unwrap();
        assert!(error.to_string().contains("unknown encoding \"klingon\""), "{error}");
    }
}
