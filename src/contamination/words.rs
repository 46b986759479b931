//! The words of a text, as they are compared.

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};
use std::ops::Range;
use std::sync::LazyLock;

/// The words of a text, with their hashes and places. Its memory is used again for the next text.
#[derive(Default)]
pub struct Words {
    /// The words, each with a blank after it.
    letters: Vec<u8>,
    /// Where each word begins in `letters`, and where the last one ends.
    starts: Vec<usize>,
    /// Where each word is in the text.
    places: Vec<Range<usize>>,
    hashes: Vec<u64>,
    /// The hash of the word that has begun.
    open: Option<u64>,
}

impl Words {
    /// Reads the words of another text.
    pub(crate) fn read(&mut self, text: &str) {
        self.letters.clear();
        self.starts.clear();
        self.places.clear();
        self.hashes.clear();
        let (bytes, folds) = (text.as_bytes(), &FOLDS[..]);
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match ASCII[usize::from(byte)] {
                SPACE => {
                    self.end_word();
                    at += 1;
                }
                DROPPED => at += 1,
                OTHER => {
                    let c = text[at..].chars().next().expect("a character begins here");
                    let after = at + c.len_utf8();
                    self.push_char(c, folds, at..after);
                    at = after;
                }
                _ => {
                    let mut hash = self.begin(at);
                    while let Some(&byte) = bytes.get(at) {
                        let letter = ASCII[usize::from(byte)];
                        if letter <= OTHER {
                            break;
                        }
                        self.letters.push(letter);
                        hash = step(hash, letter);
                        at += 1;
                    }
                    self.extend(hash, at);
                }
            }
        }
        self.end_word();
        self.starts.push(self.letters.len());
    }

    /// The number of words.
    pub(crate) fn count(&self) -> usize {
        self.hashes.len()
    }

    /// The hashes of the words.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Returns the letters of consecutive words, with blanks between them.
    pub(crate) fn letters(&self, words: Range<usize>) -> &[u8] {
        &self.letters[self.starts[words.start]..self.starts[words.end] - 1]
    }

    /// Returns where a word begins in the letters of all words.
    pub(crate) fn start(&self, word: usize) -> usize {
        self.starts[word]
    }

    /// Returns the place in the text of consecutive words.
    pub(crate) fn place(&self, words: Range<usize>) -> Range<usize> {
        self.places[words.start].start..self.places[words.end - 1].end
    }

    /// Adds a character that is not ASCII.
    fn push_char(&mut self, c: char, folds: &[u32], place: Range<usize>) {
        match folds.get(c as usize).copied().unwrap_or_else(|| fold(c)) {
            FOLD_DROPPED => {}
            FOLD_SPACE => self.end_word(),
            FOLD_SEVERAL => each_letter(c, &mut |letter| self.push_letter(letter, &place)),
            folded => {
                let letter = char::from_u32(folded & !FOLD_ALONE).expect("a character");
                let is_alone = folded & FOLD_ALONE != 0;
                if is_alone {
                    self.end_word();
                }
                self.push_letter(letter, &place);
                if is_alone {
                    self.end_word();
                }
            }
        }
    }

    fn push_letter(&mut self, letter: char, place: &Range<usize>) {
        let mut hash = self.begin(place.start);
        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
            self.letters.push(byte);
            hash = step(hash, byte);
        }
        self.extend(hash, place.end);
    }

    /// Begins a word, unless one has begun, and returns its hash so far.
    fn begin(&mut self, at: usize) -> u64 {
        if let Some(hash) = self.open {
            return hash;
        }
        self.starts.push(self.letters.len());
        self.places.push(at..at);
        SEED
    }

    /// Extends the word that has begun.
    fn extend(&mut self, hash: u64, end: usize) {
        self.open = Some(hash);
        self.places.last_mut().expect("a word has begun").end = end;
    }

    fn end_word(&mut self) {
        if let Some(hash) = self.open.take() {
            self.letters.push(b' ');
            self.hashes.push(mix(hash));
        }
    }
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// Adds a byte to the hash of a word (FNV-1a).
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Spreads a hash over all its bits.
pub(crate) fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// What an ASCII character becomes: its letter, or one of the three below.
const ASCII: [u8; 256] = {
    let mut table = [DROPPED; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\t'..=b'\r' | b' ' => SPACE,
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
            128.. => OTHER,
            _ => DROPPED,
        };
        byte += 1;
    }
    table
};
const DROPPED: u8 = 0;
const SPACE: u8 = 1;
/// It is the first byte of a character that is not ASCII.
const OTHER: u8 = 2;

/// What the characters of the basic plane become.
static FOLDS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let of = |code| char::from_u32(code).map_or(FOLD_DROPPED, fold);
    (0..0x10000).map(of).collect()
});
const FOLD_DROPPED: u32 = 0;
const FOLD_SPACE: u32 = 1;
/// It becomes several letters: see [`each_letter`].
const FOLD_SEVERAL: u32 = 2;
/// A bit beside the letter: it is a word of its own.
const FOLD_ALONE: u32 = 1 << 31;

fn fold(c: char) -> u32 {
    if c.is_whitespace() {
        return FOLD_SPACE;
    }
    let (mut count, mut last) = (0, FOLD_DROPPED);
    each_letter(c, &mut |letter| {
        count += 1;
        last = u32::from(letter) | if is_alone(letter) { FOLD_ALONE } else { 0 };
    });
    if count > 1 { FOLD_SEVERAL } else { last }
}

/// Calls `each` with the letters that a character becomes: in lower case, without accents. Nothing
/// is left of a character that is not a letter or a number.
fn each_letter(c: char, each: &mut impl FnMut(char)) {
    for lower in c.to_lowercase() {
        each_base(lower, each);
    }
}

/// Calls `each` with the letters of the canonical decomposition of a character.
fn each_base(c: char, each: &mut impl FnMut(char)) {
    const DECOMPOSITION: CanonicalDecompositionBorrowed<'static> =
        CanonicalDecompositionBorrowed::new();
    match DECOMPOSITION.decompose(c) {
        Decomposed::Singleton(base) => each_base(base, each),
        Decomposed::Expansion(base, mark) => {
            each_base(base, each);
            each_base(mark, each);
        }
        // At the end of a word, lower case has another sigma.
        Decomposed::Default if c == 'ς' => each('σ'),
        Decomposed::Default => {
            let is_accent = ('\u{300}'..='\u{36f}').contains(&c);
            if c.is_alphanumeric() && !is_accent {
                each(c);
            }
        }
    }
}

/// Whether a letter is of a script that is written without blanks between words.
fn is_alone(letter: char) -> bool {
    matches!(
        letter,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Words::default();
        words.read(text);
        let word = |word| String::from_utf8(words.letters(word..word + 1).to_vec()).unwrap();
        (0..words.count()).map(word).collect()
    }

    #[test]
    fn words_are_in_lower_case_and_without_punctuation() {
        assert_eq!(
            words("  \"Don't\" -- State-of-the-Art,\r\n(1.5 %)"),
            ["dont", "stateoftheart", "15"]
        );
        assert_eq!(words("...\u{200b} \u{1f600} _"), [""; 0]);
        assert_eq!(words("a\u{a0}b\u{2003}c\u{85}d\u{0}e"), ["a", "b", "c", "de"]);
    }

    #[test]
    fn accents_however_they_are_written_make_no_difference() {
        for text in
            ["Éclair Ångström ÏŻ", "E\u{301}clair a\u{30a}ngstrom iz", "eclair Ångström i\u{307}ż"]
        {
            assert_eq!(words(text), ["eclair", "angstrom", "iz"], "{text}");
        }
        assert_eq!(words("ΟΔΟΣ ᾼ"), words("οδός α"));
        assert_eq!(words("한국"), words("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"));
        assert_eq!(words("Straße №ǅ ½"), ["straße", "ǆ", "½"]);
    }

    #[test]
    fn characters_of_scripts_without_blanks_are_words() {
        assert_eq!(words("GPT是一个。模型 v2"), ["gpt", "是", "一", "个", "模", "型", "v2"]);
        assert_eq!(words("\u{20000}\u{20001}").len(), 2);
    }

    #[test]
    fn words_know_their_places() {
        let text = "An  «Éclair», x";
        let mut words = Words::default();
        words.read(text);
        assert_eq!(&text[words.place(1..2)], "Éclair");
        assert_eq!(&text[words.place(0..3)], text);
        assert_eq!(words.letters(0..3), b"an eclair x");
    }

    #[test]
    fn the_table_of_the_basic_plane_equals_the_rule() {
        for c in ('\0'..='\u{ffff}').chain('\u{1f600}'..'\u{1f700}') {
            let known = FOLDS.get(c as usize).copied().unwrap_or_else(|| fold(c));
            assert_eq!(known, fold(c), "{c:?}");
            if c.is_ascii() {
                let byte = ASCII[c as usize];
                let of_byte =
                    if byte == DROPPED || byte == SPACE { u32::from(byte) } else { byte.into() };
                assert_eq!(of_byte, known, "{c:?}");
            }
        }
    }
}
