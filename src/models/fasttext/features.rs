//! Averages the rows of a text's features: words, character n-grams within a word, and word n-grams
//! (`dictionary.cc: getLine, computeSubwords, addWordNgrams`).

use super::dictionary::Entry;
use super::{FastText, Scratch};

/// The word at the end of every example, for the line end that fastText expects there.
const END_OF_LINE: &[u8] = b"</s>";

/// Whether fastText separates words at this byte. Other Unicode blanks, such as a no-break space,
/// belong to a word.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0)
}

/// Whether the byte is inside a UTF-8 character, not at its start.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// FNV-1a with bytes as signed numbers, since existing models were trained with it.
#[derive(Clone, Copy)]
struct Fnv(u32);

impl Fnv {
    const START: Self = Self(2_166_136_261);

    #[inline]
    fn with(self, byte: u8) -> Self {
        Self((self.0 ^ i32::from(byte as i8) as u32).wrapping_mul(16_777_619))
    }

    fn of(token: &[u8]) -> Self {
        token.iter().fold(Self::START, |hash, byte| hash.with(*byte))
    }
}

impl FastText {
    /// Writes the average of the text's features to `scratch.hidden`. Returns false if it has none.
    pub(super) fn average_features(&self, text: &str, scratch: &mut Scratch) -> bool {
        scratch.hidden.clear();
        scratch.hidden.resize(self.input.dim(), 0.0);
        scratch.word_hashes.clear();

        let words = text.as_bytes().split(is_blank).filter(|word| !word.is_empty());
        // fastText stops reading at an end of line that is written in the text.
        let words = words.take_while(|word| *word != END_OF_LINE).chain([END_OF_LINE]);
        let mut features: u64 = words.map(|word| self.add_word(word, scratch)).sum();
        features += self.add_word_ngrams(scratch);

        let weight = (1.0 / features as f64) as f32;
        scratch.hidden.iter_mut().for_each(|sum| *sum *= weight);
        features > 0
    }

    /// Adds a word and its character n-grams. Returns the number of features.
    fn add_word(&self, word: &[u8], scratch: &mut Scratch) -> u64 {
        let hash = self.dictionary.hash(word);
        if self.args.maxn == 0 {
            return self.add_plain_word(word, hash, scratch);
        }
        let Scratch { words, hidden, word_hashes, bracketed, rows, .. } = scratch;
        let (sum, features) = match words.get(word, hash) {
            Some(found) => found,
            None => {
                let known = match self.dictionary.find(word, hash) {
                    Entry::Word(id) => Some(id),
                    Entry::UnknownWord => None,
                    Entry::Label => return 0,
                };
                words.insert(word, hash, |sum| {
                    rows.clear();
                    rows.extend(known);
                    self.add_character_rows(word, bracketed, rows);
                    self.input.add_rows(rows, sum);
                    rows.len() as u32
                })
            }
        };
        if self.args.word_ngrams > 1 {
            word_hashes.push(Fnv::of(word).0 as i32);
        }
        for (hidden, sum) in hidden.iter_mut().zip(sum) {
            *hidden += sum;
        }
        u64::from(features)
    }

    /// [`Self::add_word`] for a model without character n-grams, in which unknown words have no
    /// rows.
    fn add_plain_word(&self, word: &[u8], hash: u64, scratch: &mut Scratch) -> u64 {
        let entry = self.dictionary.find(word, hash);
        if self.args.word_ngrams > 1 && !matches!(entry, Entry::Label) {
            scratch.word_hashes.push(Fnv::of(word).0 as i32);
        }
        let Entry::Word(id) = entry else { return 0 };
        self.input.add_rows(&[id], &mut scratch.hidden);
        1
    }

    /// Adds the rows of a word's character n-grams to `rows`. `bracketed` is scratch space.
    fn add_character_rows(&self, word: &[u8], bracketed: &mut Vec<u8>, rows: &mut Vec<u32>) {
        if word == END_OF_LINE {
            return;
        }
        bracketed.clear();
        bracketed.push(b'<');
        bracketed.extend_from_slice(word);
        bracketed.push(b'>');
        let known = rows.len();
        // First all buckets, and then all rows: each look-up waits for memory, and they wait together.
        each_ngram(bracketed, self.args.minn, self.args.maxn, |hash| {
            rows.push(self.buckets.of_hash(hash.0));
        });
        self.buckets.keep_rows(rows, known);
        rows[known..].iter_mut().for_each(|row| *row += self.dictionary.words);
    }

    fn add_word_ngrams(&self, scratch: &mut Scratch) -> u64 {
        if self.args.word_ngrams <= 1 {
            return 0;
        }
        let mut rows = 0;
        let hashes = &scratch.word_hashes;
        // Hashes are signed in fastText: the upper half of a widened hash is all ones or all zeros.
        let widen = |hash: i32| i64::from(hash) as u64;
        for first in 0..hashes.len() {
            let end = hashes.len().min(first + self.args.word_ngrams);
            let mut hash = widen(hashes[first]);
            for next in &hashes[first + 1..end] {
                hash = hash.wrapping_mul(116_049_371).wrapping_add(widen(*next));
                if let Some(row) = self.buckets.of_words(hash) {
                    self.input.add_rows(&[self.dictionary.words + row], &mut scratch.hidden);
                    rows += 1;
                }
            }
        }
        rows
    }
}

/// Visits the character n-grams of `minn` to `maxn` in a word, which is in brackets, except for the
/// two single brackets.
#[inline]
fn each_ngram(bracketed: &[u8], minn: usize, maxn: usize, mut each: impl FnMut(Fnv)) {
    if bracketed.is_ascii() {
        // Each byte is a character.
        for start in 0..bracketed.len() {
            let (mut hash, rest) = (Fnv::START, &bracketed[start..]);
            for (byte, chars) in rest[..rest.len().min(maxn)].iter().zip(1..) {
                hash = hash.with(*byte);
                let is_bracket = chars == 1 && (start == 0 || rest.len() == 1);
                if chars >= minn && !is_bracket {
                    each(hash);
                }
            }
        }
        return;
    }
    for start in 0..bracketed.len() {
        let mut rest = &bracketed[start..];
        if is_continuation(rest[0]) {
            continue;
        }
        let mut hash = Fnv::START;
        for chars in 1..=maxn {
            let Some((first, after)) = rest.split_first() else { break };
            (hash, rest) = (hash.with(*first), after);
            while let Some((next, after)) = rest.split_first().filter(|(b, _)| is_continuation(**b))
            {
                (hash, rest) = (hash.with(*next), after);
            }
            let is_bracket = chars == 1 && (start == 0 || rest.is_empty());
            if chars >= minn && !is_bracket {
                each(hash);
            }
        }
    }
}

/// A cache of the sums of words. It compares whole words, so a hit and a miss have the same result.
/// A word replaces another word of the same slot; long words are not cached.
#[derive(Default)]
pub(super) struct WordCache {
    slots: Vec<Slot>,
    /// The sums of `slots`, concatenated, and after them one for a word that is not cached.
    sums: Vec<f32>,
    dim: usize,
}

const KEPT_WORD_BYTES_MAX: usize = 27;

/// 32 bytes, so that no slot straddles two cache lines.
#[derive(Clone, Copy, Default)]
struct Slot {
    rows: u32,
    word: [u8; KEPT_WORD_BYTES_MAX],
    /// Length of `word`; 0 in an empty slot.
    len: u8,
}

impl WordCache {
    pub(super) fn new(dim: usize) -> Self {
        const SUMS_BYTES: usize = 1 << 19;
        let slots = (SUMS_BYTES / 4 / dim).clamp(64, 1 << 14).next_power_of_two();
        Self { slots: vec![Slot::default(); slots], sums: vec![0.0; (slots + 1) * dim], dim }
    }

    fn slot_of(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn get(&self, word: &[u8], hash: u64) -> Option<(&[f32], u32)> {
        let at = self.slot_of(hash);
        let slot = &self.slots[at];
        let is_hit = usize::from(slot.len) == word.len() && &slot.word[..word.len()] == word;
        is_hit.then(|| (&self.sums[at * self.dim..][..self.dim], slot.rows))
    }

    /// Caches the sum of a word, unless the word is too long, and returns it.
    fn insert(
        &mut self,
        word: &[u8],
        hash: u64,
        sum: impl FnOnce(&mut [f32]) -> u32,
    ) -> (&[f32], u32) {
        let is_kept = word.len() <= KEPT_WORD_BYTES_MAX;
        let at = if is_kept { self.slot_of(hash) } else { self.slots.len() };
        let sums = &mut self.sums[at * self.dim..][..self.dim];
        sums.fill(0.0);
        let rows = sum(sums);
        if is_kept {
            let slot = &mut self.slots[at];
            slot.rows = rows;
            slot.len = word.len() as u8;
            slot.word[..word.len()].copy_from_slice(word);
        }
        (sums, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_beyond_ascii_are_hashed_as_negative_numbers() {
        assert_eq!(Fnv::of("é".as_bytes()).0, 1_023_043_777);
        assert_eq!(Fnv::of(b"a").0, 3_826_002_220, "plain FNV-1a");
    }

    /// As fastText computes them, one after the other (`dictionary.cc`: `computeSubwords`).
    fn ngrams_one_by_one(bracketed: &[u8], minn: usize, maxn: usize) -> Vec<u32> {
        let mut hashes = Vec::new();
        for start in (0..bracketed.len()).filter(|at| !is_continuation(bracketed[*at])) {
            let mut end = start;
            for chars in 1..=maxn {
                if end == bracketed.len() {
                    break;
                }
                end += 1;
                while end < bracketed.len() && is_continuation(bracketed[end]) {
                    end += 1;
                }
                if chars >= minn && !(chars == 1 && (start == 0 || end == bracketed.len())) {
                    hashes.push(Fnv::of(&bracketed[start..end]).0);
                }
            }
        }
        hashes
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn ngrams_of_any_word_are_those_of_fasttext(
            word in prop_oneof![
                "[a-c<>é€\u{1f600}]{0,9}".prop_map(String::into_bytes),
                "[a-c<>]{0,9}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..9),
            ],
            minn in 0usize..4,
            more in 0usize..5,
        ) {
            let bracketed = [b"<", &word[..], b">"].concat();
            let mut hashes = Vec::new();
            each_ngram(&bracketed, minn, minn + more, |hash| hashes.push(hash.0));
            prop_assert_eq!(hashes, ngrams_one_by_one(&bracketed, minn, minn + more));
        }
    }

    #[test]
    fn words_of_one_slot_are_distinguished() {
        const HASH: u64 = 7;
        let put = |value: f32| {
            move |sum: &mut [f32]| {
                sum[0] += value;
                1
            }
        };
        let mut cache = WordCache::new(1);
        cache.insert(b"a", HASH, put(1.0));
        assert_eq!(cache.get(b"b", HASH), None);
        assert_eq!(cache.insert(b"b", HASH, put(2.0)), ([2.0].as_slice(), 1));
        assert_eq!(cache.get(b"a", HASH), None);
        assert_eq!(cache.get(b"b", HASH), Some(([2.0].as_slice(), 1)));
    }

    #[test]
    fn long_words_are_summed_but_not_cached() {
        let long = [b'x'; KEPT_WORD_BYTES_MAX + 1];
        let mut cache = WordCache::new(1);
        for _ in 0..2 {
            assert_eq!(cache.get(&long, 0), None);
            assert_eq!(cache.insert(&long, 0, |_| 3), ([0.0].as_slice(), 3));
        }
    }
}
