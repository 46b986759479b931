//! User-defined symbols: texts that are a piece wherever they occur (`PrefixMatcher` in
//! `src/normalizer.cc`).

use super::trie::Trie;

/// The user-defined symbols of a model.
pub(super) struct Symbols {
    trie: Option<Trie>,
    /// Whether a symbol begins with this byte.
    is_first: [bool; 256],
}

impl Symbols {
    /// `texts` are sorted and distinct.
    pub(super) fn new(texts: &[&[u8]]) -> Symbols {
        let mut is_first = [false; 256];
        texts.iter().for_each(|text| is_first[usize::from(text[0])] = true);
        let entries: Vec<(&[u8], u32)> = texts.iter().copied().zip(0..).collect();
        let trie = (!entries.is_empty()).then(|| Trie::new(&entries));
        Symbols { trie, is_first }
    }

    /// Whether a symbol begins with `byte`.
    pub(super) fn begins(&self, byte: u8) -> bool {
        self.is_first[usize::from(byte)]
    }

    /// Returns the end of the longest symbol at `start`.
    #[inline]
    pub(super) fn longest(&self, text: &[u8], start: usize) -> Option<usize> {
        let trie = self.trie.as_ref().filter(|_| self.begins(text[start]))?;
        let mut longest = None;
        trie.prefixes(text, start, |end, _| longest = Some(end));
        longest
    }

    /// Returns the end of the symbol or else of the character at `start`, and whether it is a
    /// symbol.
    pub(super) fn next(&self, text: &[u8], start: usize) -> (usize, bool) {
        match self.longest(text, start) {
            Some(end) => (end, true),
            None => (text.len().min(start + char_len(text[start])), false),
        }
    }
}

/// Returns the length of the UTF-8 character with this first byte; 1 for other bytes.
pub(super) fn char_len(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0.. => 4,
        _ => 1,
    }
}
