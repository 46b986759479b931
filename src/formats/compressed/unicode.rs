//! Text in UTF-16 or UTF-32 with a byte order mark, as UTF-8 without one.

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};
use std::io::{self, BufRead, Read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

impl Encoding {
    /// Returns the encoding that a byte order mark names, if text in it follows.
    pub fn of(head: &[u8]) -> Option<Encoding> {
        let encoding = match head {
            [0xff, 0xfe, 0, 0, ..] => Encoding::Utf32Le,
            [0, 0, 0xfe, 0xff, ..] => Encoding::Utf32Be,
            [0xff, 0xfe, ..] => Encoding::Utf16Le,
            [0xfe, 0xff, ..] => Encoding::Utf16Be,
            _ => return None,
        };
        let whole = &head[..(head.len() / 4 * 4).min(4096)];
        let mut text = String::new();
        let _ = Unicode::new(whole, encoding).read_to_string(&mut text);
        // The last character may be cut in half.
        let text = text.strip_suffix('\u{fffd}').unwrap_or(&text);
        let is_text = !text.is_empty() && !text.contains(['\0', '\u{fffd}']);
        is_text.then_some(encoding)
    }

    fn of_16(self) -> Option<Decoder> {
        match self {
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_with_bom_removal()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_with_bom_removal()),
            Encoding::Utf32Le | Encoding::Utf32Be => None,
        }
    }
}

/// Reads text as UTF-8. What is not a character becomes U+FFFD.
pub(super) struct Unicode<R> {
    source: R,
    encoding: Encoding,
    of_16: Option<Decoder>,
    /// The first bytes of an incomplete UTF-32 character.
    part: Vec<u8>,
    text: String,
    at: usize,
    ended: bool,
}

impl<R: BufRead> Unicode<R> {
    pub fn new(source: R, encoding: Encoding) -> Self {
        let of_16 = encoding.of_16();
        let (part, text) = (Vec::new(), String::new());
        Unicode { source, encoding, of_16, part, text, at: 0, ended: false }
    }

    /// Decodes what the source has buffered.
    fn more(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        let bytes = self.source.fill_buf()?;
        let (n, last) = (bytes.len(), bytes.is_empty());
        match &mut self.of_16 {
            Some(decoder) => {
                self.text.reserve(decoder.max_utf8_buffer_length(n).unwrap_or(n * 3 + 16));
                let _ = decoder.decode_to_string(bytes, &mut self.text, last);
            }
            None => {
                self.part.extend_from_slice(bytes);
                let mut characters = self.part.chunks_exact(4);
                for unit in &mut characters {
                    let unit: [u8; 4] = unit.try_into().expect("four bytes");
                    let number = match self.encoding {
                        Encoding::Utf32Be => u32::from_be_bytes(unit),
                        _ => u32::from_le_bytes(unit),
                    };
                    if number != 0xfeff {
                        self.text.push(char::from_u32(number).unwrap_or('\u{fffd}'));
                    }
                }
                self.part = characters.remainder().to_vec();
                if last && !self.part.is_empty() {
                    self.text.push('\u{fffd}');
                }
            }
        }
        self.source.consume(n);
        self.ended = last;
        Ok(())
    }
}

impl<R: BufRead> Read for Unicode<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            self.more()?;
        }
        let rest = &self.text.as_bytes()[self.at..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
