//! Decodes the bytes of a text file, by what they declare and what they look like.
//!
//! The order: a byte order mark; UTF-16 and UTF-32 without one, by their zeros; ISO-2022-JP, by its
//! escapes; UTF-8, if all bytes are valid; the encoding that the file declares, if the text makes
//! sense; the one that `chardetng` detects, if the text makes sense. A text makes sense if its
//! characters exist and are where letters and marks are in a language (`makes_sense`). Otherwise the
//! encoding is unknown, and no text is guessed.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::{memchr, memchr_iter, memmem};
use std::borrow::Cow;

/// A decoded text, and its encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'b> {
    /// The text, without a byte order mark.
    pub text: Cow<'b, str>,
    /// The name of the encoding: `UTF-8`, `windows-1251`.
    pub encoding: &'static str,
    /// Damaged places of a UTF-8 text, each replaced by U+FFFD. 0 in any other encoding.
    pub damaged: usize,
}

/// Why bytes are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// They are not a text in any encoding.
    #[error("this file is binary and not text")]
    Binary,
    /// They may be a text, in an unknown encoding.
    #[error("the encoding of this text is unknown")]
    UnknownEncoding,
}

/// At most this many bytes of lines that are not ASCII are examined to detect an encoding.
const SAMPLE_BYTES_MAX: usize = 256 << 10;

/// Fewer bytes beyond ASCII are not enough to detect an encoding. Such texts are read as
/// windows-1252, which has the letters of Western Europe and typographic marks.
const EVIDENCE_BYTES_MIN: usize = 6;

/// One character in this many may be a control character in a text.
const CHARS_PER_CONTROL: usize = 100;

/// One character beyond ASCII in this many may be where none is expected, and one in any text.
const CHARS_PER_ODD: usize = 20;

/// At most this many more letters may have an accent than have none: a text may be short.
const ACCENTED_MORE_MAX: usize = 16;

/// One sequence of UTF-8 in this many may be damaged.
const SEQUENCES_PER_DAMAGED: usize = 50;

/// Decodes `bytes`. `declared` is the encoding that the file declares.
///
/// # Errors
/// When the bytes are not a text, or their encoding is unknown.
///
/// ```
/// let decoded = formats::encoding::decode(b"caf\xe9", None)?;
/// assert_eq!((&*decoded.text, decoded.encoding), ("café", "windows-1252"));
/// # Ok::<(), formats::encoding::NoText>(())
/// ```
pub fn decode<'b>(bytes: &'b [u8], declared: Option<&str>) -> Result<Decoded<'b>, NoText> {
    if let Some((wide, mark)) = marked_utf_32(bytes) {
        return wide.decode(&bytes[mark..]).ok_or(NoText::UnknownEncoding);
    }
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let damaged_utf8 = || damaged_utf8(&bytes[mark..]).filter(|_| encoding == UTF_8);
        let text = sound(encoding, &bytes[mark..]).or_else(damaged_utf8);
        return text.ok_or(NoText::UnknownEncoding);
    }
    if memchr(0, bytes).is_some() {
        return without_mark(bytes).ok_or(NoText::Binary);
    }
    let has_escapes = memmem::find(bytes, b"\x1b$").is_some();
    if let Some(text) = sound(ISO_2022_JP, bytes).filter(|_| has_escapes) {
        return Ok(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return if is_control_free(text) {
            Ok(Decoded { text: text.into(), encoding: UTF_8.name(), damaged: 0 })
        } else {
            Err(NoText::Binary)
        };
    }
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let declared = declared.filter(|named| named.is_ascii_compatible() && *named != UTF_8);
    let of_declared = declared.and_then(|named| sound(named, bytes));
    let found = of_declared.filter(|found| makes_sense(&found.text)).or_else(|| detected(bytes));
    let controls = || bytes.iter().filter(|byte| is_control(char::from(**byte))).count();
    found.ok_or_else(|| {
        if controls() * CHARS_PER_CONTROL > bytes.len() {
            NoText::Binary
        } else {
            NoText::UnknownEncoding
        }
    })
}

/// Returns the label of the encoding that a page of HTML or XML declares, at its beginning or in
/// `meta`.
pub fn declared_by_page(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
    let declaration =
        head.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let of_declaration = declaration.and_then(|(inside, _)| value_of(inside, "encoding"));
    of_declaration.or_else(|| value_of(&head, "charset"))
}

/// Returns the value after `name` and `=`, with or without quotation marks.
fn value_of(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(name)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c));
    let value = &rest[..end.unwrap_or(rest.len())];
    (!value.is_empty()).then(|| value.to_owned())
}

/// Returns the text if every byte is valid in the encoding.
fn sound<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Option<Decoded<'b>> {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    (!has_errors).then_some(Decoded { text, encoding: encoding.name(), damaged: 0 })
}

/// Decodes a text by what its bytes look like.
fn detected(bytes: &[u8]) -> Option<Decoded<'_>> {
    if let Some(text) = damaged_utf8(bytes) {
        return Some(text);
    }
    let mut sample = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.is_ascii() {
            let left = SAMPLE_BYTES_MAX - sample.len();
            sample.extend_from_slice(&line[..line.len().min(left)]);
        }
    }
    let evidence = bytes.iter().filter(|byte| !byte.is_ascii()).take(EVIDENCE_BYTES_MIN).count();
    let encoding = if evidence < EVIDENCE_BYTES_MIN {
        WINDOWS_1252
    } else {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&sample, true);
        detector.guess(None, Utf8Detection::Deny)
    };
    sound(encoding, bytes).filter(|found| makes_sense(&found.text))
}

/// Decodes a UTF-8 text with a few damaged places.
fn damaged_utf8(bytes: &[u8]) -> Option<Decoded<'_>> {
    let (mut sequences, mut damaged) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        sequences += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    let text = || String::from_utf8_lossy(bytes);
    (damaged * SEQUENCES_PER_DAMAGED <= sequences).then(|| Decoded {
        text: text(),
        encoding: UTF_8.name(),
        damaged,
    })
}

/// UTF-32, which `encoding_rs` does not know.
#[derive(Clone, Copy)]
enum Wide {
    Little,
    Big,
}

impl Wide {
    fn decode(self, bytes: &[u8]) -> Option<Decoded<'static>> {
        let (units, rest) = bytes.as_chunks::<4>();
        let number = |unit: &[u8; 4]| match self {
            Wide::Little => u32::from_le_bytes(*unit),
            Wide::Big => u32::from_be_bytes(*unit),
        };
        let text: Option<String> = units.iter().map(|unit| char::from_u32(number(unit))).collect();
        let encoding = match self {
            Wide::Little => "UTF-32LE",
            Wide::Big => "UTF-32BE",
        };
        let text = text.filter(|_| rest.is_empty())?;
        Some(Decoded { text: text.into(), encoding, damaged: 0 })
    }
}

fn marked_utf_32(bytes: &[u8]) -> Option<(Wide, usize)> {
    match bytes {
        // The same bytes would be an empty UTF-16 text with a NUL.
        [0xff, 0xfe, 0, 0, ..] => Some((Wide::Little, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((Wide::Big, 4)),
        _ => None,
    }
}

/// Decodes UTF-16 or UTF-32 without a byte order mark. Line ends and blanks show which: they are among
/// the most frequent characters of any text, and rare ones in the wrong order of bytes.
fn without_mark(bytes: &[u8]) -> Option<Decoded<'_>> {
    let wide = [Wide::Little, Wide::Big].into_iter().filter_map(|wide| wide.decode(bytes));
    let narrow = [UTF_16LE, UTF_16BE].into_iter().filter_map(|encoding| sound(encoding, bytes));
    let narrow = narrow.filter(|_| bytes.len().is_multiple_of(2));
    let mut found = wide.chain(narrow).filter(|found| {
        let blanks = found.text.chars().filter(|c| matches!(c, ' ' | '\n' | '\u{3000}')).count();
        let strange = found.text.chars().filter(|c| is_unassigned(*c)).count();
        let chars = found.text.chars().count();
        blanks >= 2
            && blanks * 200 >= chars
            && strange == 0
            && is_control_free(&found.text)
            && memchr_iter(0, found.text.as_bytes()).next().is_none()
    });
    found.next()
}

fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | '\x1a' | '\x1b')
}

fn is_control_free(text: &str) -> bool {
    let controls = text.chars().filter(|c| is_control(*c)).count();
    controls * CHARS_PER_CONTROL <= text.len()
}

/// Controls of ISO 6429, characters for private use, and noncharacters.
fn is_unassigned(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{fff8}' | '\u{fffe}'..='\u{ffff}'
        | '\u{f0000}'..)
}

/// Marks within words, or right after one.
const WITHIN_WORDS: &str =
    "\u{ad}\u{2019}\u{2010}\u{2011}\u{2013}\u{2014}\u{b7}\u{30fb}\u{b4}\u{2018}\u{a0}";

/// Marks of windows-1252 that never follow a letter: letters with accents in a text of MS-DOS or of a
/// Macintosh are decoded as these.
const NEVER_AFTER_A_LETTER: &str = "\u{201a}\u{201e}\u{192}\u{2c6}\u{2dc}\u{2030}";

/// Whether a text in a guessed encoding is plausible. All its characters beyond ASCII exist, and
/// almost none is odd: a sign between two letters, a capital letter after a small one, Japanese
/// letters of half width, which most other two-byte encodings look like, or more letters with accents
/// than without, which other alphabets look like.
fn makes_sense(text: &str) -> bool {
    let (mut odd, mut beyond, mut half_width) = (0_usize, 0_usize, 0_usize);
    let (mut plain, mut accented) = (0_usize, 0_usize);
    let mut before = [' '; 2];
    for c in text.chars().chain([' ']) {
        if is_unassigned(c) || c == char::REPLACEMENT_CHARACTER {
            return false;
        }
        let [first, middle] = before;
        plain += usize::from(middle.is_ascii_alphabetic());
        if !middle.is_ascii() {
            beyond += 1;
            let is_letter = |c: char| c.is_alphabetic() && !NEVER_AFTER_A_LETTER.contains(c);
            let is_sign = !middle.is_alphanumeric() && !WITHIN_WORDS.contains(middle);
            let is_mark = is_combining(middle);
            let is_odd = is_sign
                && !is_mark
                && is_letter(first)
                && is_letter(c)
                && !is_wide(first)
                && !is_wide(c)
                || NEVER_AFTER_A_LETTER.contains(middle) && is_letter(first)
                || middle.is_uppercase() && first.is_lowercase();
            odd += usize::from(is_odd);
            accented += usize::from(matches!(middle, '\u{c0}'..='\u{24f}'));
            half_width += usize::from(matches!(middle, '\u{ff61}'..='\u{ff9f}'));
        }
        before = [middle, c];
    }
    odd.saturating_sub(1) * CHARS_PER_ODD <= beyond
        && half_width * 4 <= beyond
        && accented <= plain + ACCENTED_MORE_MAX
}

/// Letters of scripts without blanks between words, where signs are next to letters.
fn is_wide(c: char) -> bool {
    c >= '\u{1100}'
}

/// Marks that belong to the letter before them.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

#[cfg(test)]
mod tests;
