//! SentencePiece's normalization: a list of replacements in the model, mostly Unicode's NFKC, and
//! marks in place of blanks (`src/normalizer.cc`).
//!
//! ```text
//! u32 bytes of the trie, the trie, and the replacements, each ended by a 0
//! ```
//!
//! The trie is a double array as written by darts-clone. It is not trusted: places outside of it
//! count as empty.

use super::symbols::Symbols;

/// The mark for a blank in a piece, U+2581.
pub(super) const MARK: &[u8] = "\u{2581}".as_bytes();

/// No replacement may be longer, so that a text grows by a known factor at most. The longest of
/// NFKC has 33 bytes.
const REPLACEMENT_BYTES_MAX: usize = 255;

pub(super) struct Normalizer {
    /// The double array; empty if there are no replacements.
    units: Vec<u32>,
    replacements: Vec<u8>,
    /// For each ASCII character, whether no replaced text begins with it if another ASCII character
    /// follows.
    is_plain: [bool; 128],
    /// These are left as they are.
    symbols: Symbols,
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
    /// Whether blanks become [`MARK`]; if not, they stay.
    pub(super) escape_whitespaces: bool,
    /// Whether the additional blank comes after the text and not before it.
    pub(super) treat_whitespace_as_suffix: bool,
}

impl Normalizer {
    /// Reads the model's list of replacements. The error describes what is wrong with it.
    pub(super) fn new(charsmap: &[u8], symbols: Symbols) -> Result<Self, &'static str> {
        let mut normalizer = Self {
            units: Vec::new(),
            replacements: Vec::new(),
            is_plain: [true; 128],
            symbols,
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
            treat_whitespace_as_suffix: false,
        };
        if let Some((size, rest)) = charsmap.split_first_chunk::<4>() {
            let size = u32::from_le_bytes(*size) as usize;
            let trie = rest.get(..size).ok_or("its replacements are cut short")?;
            let (units, _) = trie.as_chunks::<4>();
            normalizer.units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
            normalizer.replacements = rest[size..].to_vec();
            let mut each = normalizer.replacements.split(|byte| *byte == 0);
            if each.any(|replacement| replacement.len() > REPLACEMENT_BYTES_MAX) {
                return Err("one of its replacements is longer than 255 bytes");
            }
        } else if !charsmap.is_empty() {
            return Err("its replacements are cut short");
        }
        normalizer.is_plain = std::array::from_fn(|byte| normalizer.is_plain(byte as u8));
        Ok(normalizer)
    }

    fn is_plain(&self, first: u8) -> bool {
        if self.symbols.begins(first) {
            return false;
        }
        let Some(node) = self.root().and_then(|root| self.child(root, first)) else { return true };
        let goes_on = (0..128).any(|second| self.child(node, second).is_some());
        self.value(node).is_none() && !goes_on
    }

    /// Writes the normalized text to `out`, and the offsets of each [`MARK`] and of the text's end
    /// to `words`.
    pub(super) fn normalize(&self, text: &str, out: &mut Vec<u8>, words: &mut Vec<u32>) {
        out.clear();
        words.clear();
        let bytes = text.as_bytes();
        let mut at = 0;
        if self.remove_extra_whitespaces {
            while let Some((b" ", end)) = (at < bytes.len()).then(|| self.replace(text, at)) {
                at = end;
            }
        }
        if at == bytes.len() {
            words.push(0);
            return;
        }
        if self.add_dummy_prefix && !self.treat_whitespace_as_suffix {
            self.push_blank(out, words);
        }
        let mut after_blank = self.remove_extra_whitespaces;
        while at < bytes.len() {
            let plain = self.plain_run(&bytes[at..]);
            if plain > 0 {
                out.extend_from_slice(&bytes[at..at + plain]);
                at += plain;
                after_blank = false;
                continue;
            }
            let (mut replaced, end) = self.replace(text, at);
            while let Some(rest) = replaced.strip_prefix(b" ").filter(|_| after_blank) {
                replaced = rest;
            }
            if let Some(last) = replaced.last() {
                self.push(replaced, out, words);
                after_blank = *last == b' ' && self.remove_extra_whitespaces;
            }
            at = end;
        }
        if self.remove_extra_whitespaces {
            let blank = self.blank();
            while out.ends_with(blank) {
                out.truncate(out.len() - blank.len());
                words.pop_if(|word| *word as usize == out.len());
            }
        }
        if self.add_dummy_prefix && self.treat_whitespace_as_suffix {
            self.push_blank(out, words);
        }
        words.push(out.len() as u32);
    }

    fn push(&self, replaced: &[u8], out: &mut Vec<u8>, words: &mut Vec<u32>) {
        if replaced == MARK {
            words.push(out.len() as u32);
            return out.extend_from_slice(MARK);
        }
        for byte in replaced {
            match byte {
                b' ' => self.push_blank(out, words),
                other => out.push(*other),
            }
        }
    }

    fn push_blank(&self, out: &mut Vec<u8>, words: &mut Vec<u32>) {
        if self.escape_whitespaces {
            words.push(out.len() as u32);
        }
        out.extend_from_slice(self.blank());
    }

    fn blank(&self) -> &'static [u8] {
        if self.escape_whitespaces { MARK } else { b" " }
    }

    /// Returns the number of leading bytes that are plain characters other than blanks.
    #[inline]
    fn plain_run(&self, bytes: &[u8]) -> usize {
        let is_plain = |byte: &u8| {
            *byte != b' ' && self.is_plain.get(usize::from(*byte)).copied().unwrap_or(false)
        };
        let run = bytes.iter().position(|byte| !is_plain(byte)).unwrap_or(bytes.len());
        // A character beyond ASCII may combine with the one before it.
        match bytes.get(run) {
            Some(next) if !next.is_ascii() => run.saturating_sub(1),
            _ => run,
        }
    }

    /// Returns the replacement of the text at `at` and the end of the replaced part: the longest
    /// match in the list, or one character unchanged.
    fn replace<'t>(&'t self, text: &'t str, at: usize) -> (&'t [u8], usize) {
        let bytes = text.as_bytes();
        if let Some(end) = self.symbols.longest(bytes, at).filter(|end| text.is_char_boundary(*end))
        {
            return (&bytes[at..end], end);
        }
        let mut longest = None;
        let mut node = self.root();
        for (end, byte) in (at + 1..).zip(&bytes[at..]) {
            node = node.and_then(|node| self.child(node, *byte));
            let Some(node) = node else { break };
            longest = self.value(node).map(|value| (value, end)).or(longest);
        }
        match longest {
            Some((value, end)) if text.is_char_boundary(end) => {
                let rest = self.replacements.get(value..).unwrap_or_default();
                let len = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
                (&rest[..len], end)
            }
            _ => {
                let len = text[at..].chars().next().map_or(1, char::len_utf8);
                (&bytes[at..at + len], at + len)
            }
        }
    }

    fn root(&self) -> Option<Node> {
        self.units.first().map(|unit| Node { place: offset(*unit), ends: false })
    }

    /// Returns the child of `node` for `byte`.
    #[inline]
    fn child(&self, node: Node, byte: u8) -> Option<Node> {
        const LABEL: u32 = 1 << 31 | 0xFF;
        const ENDS: u32 = 1 << 8;
        let place = node.place ^ u32::from(byte);
        let unit = *self.units.get(place as usize)?;
        let is_child = unit & LABEL == u32::from(byte) && byte != 0;
        is_child.then(|| Node { place: place ^ offset(unit), ends: unit & ENDS != 0 })
    }

    /// Returns the offset of the replacement of the text that ends here, if one does.
    fn value(&self, node: Node) -> Option<usize> {
        let unit = self.units.get(node.place as usize).filter(|_| node.ends)?;
        Some((unit & !(1 << 31)) as usize)
    }
}

#[derive(Clone, Copy)]
struct Node {
    /// The place of a child is this exclusive-or the child's byte.
    place: u32,
    /// Whether a text ends here.
    ends: bool,
}

fn offset(unit: u32) -> u32 {
    unit >> 10 << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalized(normalizer: &Normalizer, text: &str) -> (String, Vec<u32>) {
        let (mut out, mut words) = (vec![1, 2], vec![3]);
        normalizer.normalize(text, &mut out, &mut words);
        (String::from_utf8(out).expect("whole characters"), words)
    }

    #[test]
    fn blanks_are_marked_and_collapsed() {
        let normalizer = Normalizer::new(&[], Symbols::new(&[])).expect("no replacements");
        for (text, expected) in [
            ("  a  b ", "▁a▁b"),
            ("é a", "▁é▁a"),
            ("", ""),
            ("   ", ""),
            ("a▁b", "▁a▁b"),
            ("a ▁", "▁a"),
        ] {
            let (out, words) = normalized(&normalizer, text);
            assert_eq!(out, expected, "{text:?}");
            let marks = expected.match_indices('▁').map(|(at, _)| at as u32);
            assert_eq!(words, marks.chain([expected.len() as u32]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn blanks_may_stay() {
        let mut normalizer = Normalizer::new(&[], Symbols::new(&[])).expect("no replacements");
        normalizer.remove_extra_whitespaces = false;
        assert_eq!(normalized(&normalizer, " a  b ").0, "▁▁a▁▁b▁");
        normalizer.add_dummy_prefix = false;
        assert_eq!(normalized(&normalizer, "a  b").0, "a▁▁b");
    }

    #[test]
    fn far_children_have_an_offset_in_larger_steps() {
        assert_eq!(offset(3 << 10 | 0x1ff), 3);
        assert_eq!(offset(3 << 10 | 1 << 9), 3 << 8);
    }

    #[test]
    fn truncated_lists_are_refused() {
        assert!(Normalizer::new(&[1, 0], Symbols::new(&[])).is_err());
        assert!(Normalizer::new(&[9, 0, 0, 0, 1, 2], Symbols::new(&[])).is_err());
    }

    #[test]
    fn replacements_that_are_too_long_are_refused() {
        for (bytes, ended) in [(255, true), (255, false), (256, true), (256, false)] {
            let mut charsmap = [vec![0; 4], b"short\0".to_vec(), vec![b'a'; bytes]].concat();
            charsmap.extend(ended.then_some(0));
            let read = Normalizer::new(&charsmap, Symbols::new(&[]));
            assert_eq!(read.is_ok(), bytes == 255, "{bytes}");
        }
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn no_list_of_replacements_panics(
            charsmap in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..200),
            text in "\\PC{0,20}",
        ) {
            if let Ok(normalizer) = Normalizer::new(&charsmap, Symbols::new(&[b"a", b"ab"])) {
                normalizer.normalize(&text, &mut Vec::new(), &mut Vec::new());
            }
        }
    }
}
