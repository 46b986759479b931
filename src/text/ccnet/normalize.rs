//! What makes two paragraphs one: the normalised line and its hash (`text_normalizer.normalize`
//! with its defaults for deduplication, `dedup.py: compute_hashes`). Both run once a line of the
//! whole crawl, so ASCII lines go through loops that the compiler turns into vector code.

use super::digits::is_decimal;
use crate::python::strip;
use sha1::block_api::compress;
use std::sync::LazyLock;

/// [`paragraph_key`] of every line of which nothing is left.
pub const EMPTY_PARAGRAPH_KEY: u64 = 957_977_401_221_134_810;

/// The line as paragraphs are compared: stripped, lower-case, every decimal digit a `0`, and the
/// marks in CCNet's `UNICODE_PUNCT` and control characters gone. ASCII punctuation and blanks
/// inside the line stay, and what a deletion lays bare at an end is not stripped again.
///
/// Decimal digits are those of Unicode 14, as in Python 3.11; lower case is the standard library's,
/// which also knows letters added since.
///
/// For showing and testing; [`paragraph_key`] does not allocate.
pub fn normalize_paragraph(line: &str) -> String {
    let mut normal = Vec::new();
    normalize_into(line, &mut normal);
    String::from_utf8(normal).expect("whole characters are written")
}

/// The key under which paragraphs are compared: the first eight bytes of the SHA-1 of the
/// normalised line, read as a little-endian number.
///
/// `scratch` is overwritten; pass one buffer again and again, and nothing is allocated.
pub fn paragraph_key(line: &str, scratch: &mut Vec<u8>) -> u64 {
    normalize_into(line, scratch);
    match scratch.is_empty() {
        true => EMPTY_PARAGRAPH_KEY,
        false => sha1_head(scratch),
    }
}

/// SHA-1's first eight bytes as a little-endian number. Pads `message` in place and hashes all its
/// blocks in one call: on a line of one block normalising and this take less than a streaming
/// hasher alone.
fn sha1_head(message: &mut Vec<u8>) -> u64 {
    const PAD: u8 = 0x80;
    let bits = message.len() as u64 * 8;
    message.push(PAD);
    message.resize((message.len() + 8).next_multiple_of(64) - 8, 0);
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    compress(&mut state, message.as_chunks().0);
    // The digest is the state in big-endian words.
    u64::from(state[1].swap_bytes()) << 32 | u64::from(state[0].swap_bytes())
}

fn normalize_into(line: &str, out: &mut Vec<u8>) {
    out.clear();
    let line = strip(line);
    if line.is_ascii() {
        append_ascii(line.as_bytes(), out);
    } else if line.contains('Σ') {
        // The one letter whose lower case depends on its place in the word.
        append_unicode(&line.to_lowercase(), out);
    } else {
        append_unicode(line, out);
    }
}

fn append_ascii(line: &[u8], out: &mut Vec<u8>) {
    // Not `any`: a loop that looks at every byte is vectorised, one that may stop early is not.
    let has_control = line.iter().fold(false, |found, byte| found | byte.is_ascii_control());
    if has_control {
        out.extend(line.iter().filter(|byte| !byte.is_ascii_control()).map(fold_ascii));
    } else {
        out.extend(line.iter().map(fold_ascii));
    }
}

fn fold_ascii(byte: &u8) -> u8 {
    if byte.is_ascii_digit() { b'0' } else { byte.to_ascii_lowercase() }
}

/// Stretches without a character beyond ASCII that changes go through the ASCII loop as they are:
/// it leaves the bytes of other characters alone.
fn append_unicode(line: &str, out: &mut Vec<u8>) {
    let fates: &[Fate] = &FATES;
    let bytes = line.as_bytes();
    let mut copied = 0;
    for (at, c) in line.char_indices() {
        let fate = fates.get(c as usize).copied().unwrap_or_else(|| Fate::of(c));
        if fate == Fate::Keep {
            continue;
        }
        out.extend(bytes[copied..at].iter().map(fold_ascii));
        copied = at + c.len_utf8();
        match fate {
            Fate::Keep | Fate::Delete => {}
            Fate::Zero => out.push(b'0'),
            Fate::Lower => append_lower(c, out),
        }
    }
    out.extend(bytes[copied..].iter().map(fold_ascii));
}

fn append_lower(upper: char, out: &mut Vec<u8>) {
    for lower in upper.to_lowercase() {
        out.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// What normalisation does with a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing, or what [`fold_ascii`] does.
    Keep,
    Lower,
    Zero,
    Delete,
}

/// The fates of the basic plane, 64 KiB, of which a text touches a few lines: to look up a
/// character costs less than to search the standard library's tables.
static FATES: LazyLock<Box<[Fate]>> = LazyLock::new(|| {
    // Surrogates are no characters; their places are never read.
    (0..=0xFFFF).map(|c| char::from_u32(c).map_or(Fate::Keep, Fate::of)).collect()
});

impl Fate {
    fn of(c: char) -> Self {
        if is_deleted(c) {
            Fate::Delete
        } else if c.is_ascii() {
            Fate::Keep
        } else if is_decimal(c) {
            Fate::Zero
        } else if c.to_lowercase().eq([c]) {
            Fate::Keep
        } else {
            Fate::Lower
        }
    }
}

/// Keys of `UNICODE_PUNCT`, and `NON_PRINTING_CHARS_RE`. The full-width one, which upstream lists
/// too, is a digit and becomes `0` before it could be deleted.
fn is_deleted(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '，' | '。'
                | '、'
                | '„'
                | '”'
                | '“'
                | '«'
                | '»'
                | '」'
                | '「'
                | '《'
                | '》'
                | '´'
                | '∶'
                | '：'
                | '？'
                | '！'
                | '（'
                | '）'
                | '；'
                | '–'
                | '—'
                | '．'
                | '～'
                | '’'
                | '…'
                | '━'
                | '〈'
                | '〉'
                | '【'
                | '】'
                | '％'
                | '►'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha1::{Digest, Sha1};

    /// The rule as upstream states it, one step after the other.
    fn by_the_book(line: &str) -> String {
        let lower = strip(line).to_lowercase();
        let zeros = lower.chars().map(|c| if is_decimal(c) { '0' } else { c });
        zeros.filter(|c| !is_deleted(*c)).collect()
    }

    fn sha1_by_the_book(text: &str) -> u64 {
        let digest = Sha1::digest(text);
        u64::from_le_bytes(digest[..8].try_into().expect("SHA-1 has 20 bytes"))
    }

    #[test]
    fn the_one_letter_with_two_lower_cases_looks_at_its_neighbours() {
        assert_eq!(normalize_paragraph("ΟΔΟΣ ΣΑΣ 7"), "οδος σας 0");
        assert_eq!(normalize_paragraph("İI"), "i\u{307}i");
    }

    #[test]
    fn deletion_may_leave_a_blank_at_the_end() {
        assert_eq!(normalize_paragraph(" so … "), "so ");
        assert_eq!(normalize_paragraph("a \u{7f}"), "a ");
    }

    #[test]
    fn every_character_fares_as_by_the_book() {
        for c in '\0'..=char::MAX {
            let line = format!("x{c}x");
            assert_eq!(normalize_paragraph(&line), by_the_book(&line), "{c:?}");
        }
    }

    #[test]
    fn lines_of_which_nothing_is_left_share_one_key() {
        assert_eq!(EMPTY_PARAGRAPH_KEY, sha1_by_the_book(""));
        for nothing in ["", "  ", "\u{3000}", "…", "\u{1}"] {
            assert_eq!(paragraph_key(nothing, &mut Vec::new()), EMPTY_PARAGRAPH_KEY);
        }
    }

    #[test]
    fn padding_is_right_at_every_length() {
        let mut scratch = Vec::new();
        for length in 0..200 {
            let line = "x".repeat(length);
            assert_eq!(paragraph_key(&line, &mut scratch), sha1_by_the_book(&line), "{length}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_ascii_path_equals_the_rule(line in "[\\x00-\\x7f]{0,80}") {
            prop_assert_eq!(normalize_paragraph(&line), by_the_book(&line));
        }

        #[test]
        fn the_general_path_equals_the_rule(line in "([ -Z]|[À-ͯ]|[ΑΣσa]|\\PC|[、-】]|[٠-٩]){0,40}") {
            prop_assert_eq!(normalize_paragraph(&line), by_the_book(&line));
        }

        #[test]
        fn any_line_has_a_key(line in any::<String>()) {
            let key = paragraph_key(&line, &mut vec![7; 100]);
            prop_assert_eq!(key, sha1_by_the_book(&by_the_book(&line)));
        }
    }
}
