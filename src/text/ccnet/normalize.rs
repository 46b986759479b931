//! When two paragraphs count as the same: the normalized line and its hash
//! (`text_normalizer.normalize` with its defaults for deduplication, `dedup.py: compute_hashes`).
//! Both run once per line of the whole crawl, so ASCII lines take loops that the compiler
//! vectorizes.

use super::digits::is_decimal;
use crate::python::strip;
use sha1::block_api::compress;
use std::sync::LazyLock;

/// The [`paragraph_key`] of every line that is empty once normalized.
pub const EMPTY_PARAGRAPH_KEY: u64 = 957_977_401_221_134_810;

/// Returns the line in the form in which paragraphs are compared: stripped, lower-case, with every
/// decimal digit a `0`, and without control characters and the marks in CCNet's `UNICODE_PUNCT`.
/// ASCII punctuation and blanks inside the line stay. The line is not stripped again after these
/// deletions.
///
/// Decimal digits are those of Unicode 14, as in Python 3.11. Lower case is the standard library's,
/// which also knows letters added since.
///
/// For display and tests; [`paragraph_key`] does not allocate.
///
/// ```
/// use text::ccnet::normalize_paragraph;
///
/// assert_eq!(normalize_paragraph(" Tickets: £17 – in “June” "), "tickets: £00  in june");
/// ```
pub fn normalize_paragraph(line: &str) -> String {
    let mut normal = Vec::new();
    normalize_into(line, &mut normal);
    String::from_utf8(normal).expect("whole characters are written")
}

/// Returns the key by which paragraphs are compared: the first eight bytes of the SHA-1 of the
/// normalized line, as a little-endian number.
///
/// Overwrites `scratch`. With a reused buffer, it does not allocate.
///
/// ```
/// use text::ccnet::paragraph_key;
///
/// let mut scratch = Vec::new();
/// let key = paragraph_key("Page 1 of 20", &mut scratch);
/// assert_eq!(key, paragraph_key("  page 7 of 35", &mut scratch));
/// assert_ne!(key, paragraph_key("Page 1, of 20", &mut scratch));
/// ```
pub fn paragraph_key(line: &str, scratch: &mut Vec<u8>) -> u64 {
    normalize_into(line, scratch);
    if scratch.is_empty() { EMPTY_PARAGRAPH_KEY } else { sha1_head(scratch) }
}

/// Returns SHA-1's first eight bytes as a little-endian number. Pads `message` in place and hashes
/// all its blocks in one call: on a line of one block, normalizing and hashing together take less
/// time than a streaming hasher alone.
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
        // Sigma: the only letter whose lower case depends on its position in the word.
        append_unicode(&line.to_lowercase(), out);
    } else {
        append_unicode(line, out);
    }
}

fn append_ascii(line: &[u8], out: &mut Vec<u8>) {
    // Not `any`: a loop over every byte is vectorized, one that may stop early is not.
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

/// Copies runs in which no character beyond ASCII changes through the ASCII loop, which leaves the
/// bytes of other characters alone.
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

/// What normalization does with a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing, or what [`fold_ascii`] does.
    Keep,
    Lower,
    Zero,
    Delete,
}

/// The fates of the basic plane, 64 KiB. A text touches only a few cache lines of it, so a look-up
/// costs less than a search in the standard library's tables.
static FATES: LazyLock<Box<[Fate]>> = LazyLock::new(|| {
    // Surrogates are not characters; their entries are never read.
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

/// Keys of `UNICODE_PUNCT`, and `NON_PRINTING_CHARS_RE`. Upstream also lists the full-width digit
/// one, but that is a digit and has already become `0`.
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

    /// Applies the rule step by step, as upstream does.
    fn in_steps(line: &str) -> String {
        let lower = strip(line).to_lowercase();
        let zeros = lower.chars().map(|c| if is_decimal(c) { '0' } else { c });
        zeros.filter(|c| !is_deleted(*c)).collect()
    }

    fn sha1_in_steps(text: &str) -> u64 {
        let digest = Sha1::digest(text);
        u64::from_le_bytes(digest[..8].try_into().expect("SHA-1 has 20 bytes"))
    }

    #[test]
    fn the_lower_case_of_sigma_depends_on_its_neighbours() {
        assert_eq!(normalize_paragraph("ΟΔΟΣ ΣΑΣ 7"), "οδος σας 0");
        assert_eq!(normalize_paragraph("İI"), "i\u{307}i");
    }

    #[test]
    fn deletion_may_leave_a_blank_at_the_end() {
        assert_eq!(normalize_paragraph(" so … "), "so ");
        assert_eq!(normalize_paragraph("a \u{7f}"), "a ");
    }

    #[test]
    fn every_character_is_normalized_as_in_steps() {
        for c in '\0'..=char::MAX {
            let line = format!("x{c}x");
            assert_eq!(normalize_paragraph(&line), in_steps(&line), "{c:?}");
        }
    }

    #[test]
    fn lines_that_become_empty_share_one_key() {
        assert_eq!(EMPTY_PARAGRAPH_KEY, sha1_in_steps(""));
        for nothing in ["", "  ", "\u{3000}", "…", "\u{1}"] {
            assert_eq!(paragraph_key(nothing, &mut Vec::new()), EMPTY_PARAGRAPH_KEY);
        }
    }

    #[test]
    fn padding_is_right_at_every_length() {
        let mut scratch = Vec::new();
        for length in 0..200 {
            let line = "x".repeat(length);
            assert_eq!(paragraph_key(&line, &mut scratch), sha1_in_steps(&line), "{length}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_ascii_path_equals_the_rule(line in "[\\x00-\\x7f]{0,80}") {
            prop_assert_eq!(normalize_paragraph(&line), in_steps(&line));
        }

        #[test]
        fn the_general_path_equals_the_rule(line in "([ -Z]|[À-ͯ]|[ΑΣσa]|\\PC|[、-】]|[٠-٩]){0,40}") {
            prop_assert_eq!(normalize_paragraph(&line), in_steps(&line));
        }

        #[test]
        fn any_line_has_a_key(line in any::<String>()) {
            let key = paragraph_key(&line, &mut vec![7; 100]);
            prop_assert_eq!(key, sha1_in_steps(&in_steps(&line)));
        }
    }
}
