//! The pass over the characters of a text that prepares a view.
//!
//! Upstream normalizes the whole text, and each line again. The two agree word by word, since
//! lower-casing, decomposing and deleting punctuation have no effect across a blank, and a newline
//! is a blank. So the words of the text are those of its lines, and each word is normalized once.

use super::{Line, RawWords, Scratch, Word};
use crate::lists::WordSet;
use icu_normalizer::DecomposingNormalizerBorrowed;
use text::unicode::{
    ASCII_LETTER, CASED, Class, DECOMPOSES, LOWER, NUMERIC, SPACE, UPPER, WORD, class, classes,
};

/// Fills the scratch's lines, raw words, normalized text and words.
pub(super) fn scan(text: &str, stop_words: Option<&WordSet>, scratch: &mut Scratch) {
    scratch.lines.clear();
    scratch.words.clear();
    scratch.normal.clear();
    scratch.raw_words = RawWords::default();
    let mut at = Line::default();
    for line in lines(text) {
        at = scan_line(line, &at, stop_words, scratch);
        scratch.lines.push(at.clone());
    }
}

/// Returns lines with their newlines, as matched by upstream's `[^\n]*\n|[^\n]+$`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

fn scan_line(text: &str, before: &Line, stop: Option<&WordSet>, scratch: &mut Scratch) -> Line {
    let classes = classes();
    let mut raw = RawWord { text, stop, start: 0, class: 0, kind: Kind::Blank };
    let mut normal = NormalWord { numeric: 0, start: scratch.normal.len(), chars: 0, class: 0 };
    let mut chars = 0;
    let mut upper = 0;
    let mut at = 0;
    while at < text.len() {
        let plain = plain_run(&text.as_bytes()[at..]);
        if plain.length > 0 {
            raw.take(at, plain.class, &mut scratch.raw_words);
            normal.take_plain(&text[at..at + plain.length], plain.digits, scratch);
            chars += plain.length;
            upper += plain.upper;
            at += plain.length;
            continue;
        }
        let Some(c) = text[at..].chars().next() else { break };
        let class = classes(c);
        chars += 1;
        upper += usize::from(class & UPPER != 0);
        raw.take(at, class, &mut scratch.raw_words);
        if class & SPACE != 0 {
            normal.end(scratch);
        } else {
            normal.take(c, class, scratch);
        }
        at += c.len_utf8();
    }
    raw.end(text.len(), &mut scratch.raw_words);
    normal.end(scratch);
    Line {
        bytes: before.bytes.end..before.bytes.end + text.len(),
        chars: before.chars.end..before.chars.end + chars,
        words: before.words.end..scratch.words.len(),
        upper,
        numeric: normal.numeric,
    }
}

/// A run of ASCII letters and digits, which most texts mainly consist of. It is handled at once.
#[derive(Default)]
struct PlainRun {
    length: usize,
    class: Class,
    upper: usize,
    digits: usize,
}

fn plain_run(text: &[u8]) -> PlainRun {
    let mut run = PlainRun::default();
    for byte in text {
        match byte {
            b'a'..=b'z' => run.class |= WORD | LOWER | ASCII_LETTER,
            b'A'..=b'Z' => {
                run.class |= WORD | UPPER | ASCII_LETTER;
                run.upper += 1;
            }
            b'0'..=b'9' => {
                run.class |= WORD | NUMERIC;
                run.digits += 1;
            }
            _ => break,
        }
        run.length += 1;
    }
    run
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Blank,
    Word,
    Punctuation,
}

/// The raw word that is being read.
struct RawWord<'t> {
    text: &'t str,
    stop: Option<&'t WordSet>,
    start: usize,
    class: Class,
    kind: Kind,
}

impl RawWord<'_> {
    fn take(&mut self, at: usize, class: Class, counts: &mut RawWords) {
        let kind = match class & (WORD | SPACE) {
            0 => Kind::Punctuation,
            WORD => Kind::Word,
            _ => Kind::Blank,
        };
        if kind != self.kind {
            self.end(at, counts);
            (self.start, self.class, self.kind) = (at, 0, kind);
        }
        self.class |= class;
    }

    fn end(&self, at: usize, counts: &mut RawWords) {
        if self.kind == Kind::Blank {
            return;
        }
        counts.count += 1;
        counts.with_letter += usize::from(self.class & ASCII_LETTER != 0);
        counts.upper += usize::from(self.class & (UPPER | LOWER) == UPPER);
        if let Some(stop) = self.stop {
            counts.stop += usize::from(stop.contains(&self.text[self.start..at]));
        }
    }
}

/// The normalized word that is being read. It grows at the end of the normalized text.
struct NormalWord {
    /// Numeric characters in all words of the line.
    numeric: usize,
    start: usize,
    chars: usize,
    class: Class,
}

impl NormalWord {
    fn take(&mut self, c: char, class: Class, scratch: &mut Scratch) {
        if c.is_ascii_punctuation() {
            return;
        }
        if self.chars == 0 {
            self.begin(scratch);
        }
        self.chars += 1;
        if c.is_ascii() {
            // An ASCII letter only needs lower-casing, so the word's class is not updated.
            scratch.normal.push(c.to_ascii_lowercase());
        } else {
            self.class |= class;
            scratch.normal.push(c);
        }
        self.numeric += usize::from(class & NUMERIC != 0);
    }

    fn take_plain(&mut self, run: &str, digits: usize, scratch: &mut Scratch) {
        if self.chars == 0 {
            self.begin(scratch);
        }
        let start = scratch.normal.len();
        scratch.normal.push_str(run);
        scratch.normal[start..].make_ascii_lowercase();
        self.chars += run.len();
        self.numeric += digits;
    }

    fn begin(&mut self, scratch: &mut Scratch) {
        if !scratch.normal.is_empty() {
            scratch.normal.push(' ');
        }
        (self.start, self.class) = (scratch.normal.len(), 0);
    }

    fn end(&mut self, scratch: &mut Scratch) {
        if self.chars == 0 {
            return;
        }
        if self.class & (CASED | DECOMPOSES) != 0 {
            self.stabilize(scratch);
        }
        let bytes = self.start..scratch.normal.len();
        scratch.words.push(Word { bytes, chars: self.chars });
        self.chars = 0;
    }

    /// Lower-cases and decomposes the word. Both may change the number of characters and of numeric
    /// ones.
    fn stabilize(&mut self, scratch: &mut Scratch) {
        let Scratch { normal, lower, .. } = scratch;
        let numeric = |word: &str| word.chars().filter(|c| class(*c) & NUMERIC != 0).count();
        self.numeric -= numeric(&normal[self.start..]);
        lower.clear();
        if normal[self.start..].contains('Σ') {
            // Sigma: the only letter whose lower case depends on its neighbours.
            lower.push_str(&normal[self.start..].to_lowercase());
        } else {
            lower.extend(normal[self.start..].chars().flat_map(char::to_lowercase));
        }
        normal.truncate(self.start);
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        nfd.normalize_to(lower, normal).expect("strings take all that is written");
        self.chars = normal[self.start..].chars().count();
        self.numeric += numeric(&normal[self.start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use text::python::{is_space, strip};

    fn scanned(text: &str) -> Scratch {
        let mut scratch = Scratch::default();
        scan(text, None, &mut scratch);
        scratch
    }

    /// Upstream's normalization, step by step.
    fn normal_in_steps(text: &str) -> String {
        let text: String = text.chars().filter(|c| !c.is_ascii_punctuation()).collect();
        let text = text.to_lowercase();
        let words: Vec<&str> =
            strip(&text).split(is_space).filter(|word| !word.is_empty()).collect();
        DecomposingNormalizerBorrowed::new_nfd().normalize(&words.join(" ")).into_owned()
    }

    fn raw_words_in_steps(text: &str) -> RawWords {
        let kind = |c: char| match class(c) & (WORD | SPACE) {
            0 => Kind::Punctuation,
            WORD => Kind::Word,
            _ => Kind::Blank,
        };
        let chars: Vec<char> = text.chars().collect();
        let mut counts = RawWords::default();
        for word in chars.chunk_by(|left, right| kind(*left) == kind(*right)) {
            if kind(word[0]) == Kind::Blank {
                continue;
            }
            counts.count += 1;
            counts.with_letter += usize::from(word.iter().any(char::is_ascii_alphabetic));
            let cased = word.iter().any(|c| c.is_uppercase());
            counts.upper += usize::from(cased && word.iter().all(|c| class(*c) & LOWER == 0));
        }
        counts
    }

    #[test]
    fn lines_and_their_words() {
        let scratch = scanned("A b\n\n-\r\nc");
        let words: Vec<_> = scratch.lines.iter().map(|line| line.words.clone()).collect();
        assert_eq!(words, [0..2, 2..2, 2..2, 2..3]);
        let chars: Vec<_> = scratch.lines.iter().map(|line| line.chars.clone()).collect();
        assert_eq!(chars, [0..4, 4..5, 5..8, 8..9]);
        assert_eq!(scratch.normal, "a b c");
    }

    #[test]
    fn the_final_sigma_ignores_deleted_punctuation() {
        assert_eq!(scanned("ΟΔΟΣ ΟΔΟ'Σ Σ.Α").normal, "οδος οδος σα");
    }

    #[test]
    fn decomposed_characters_are_counted() {
        let scratch = scanned("Éa ½É");
        assert_eq!(scratch.normal, "e\u{301}a ½e\u{301}");
        let chars: Vec<_> = scratch.words.iter().map(|word| word.chars).collect();
        assert_eq!(chars, [3, 3]);
        assert_eq!((scratch.lines[0].numeric, scratch.lines[0].upper), (1, 2));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn normalizing_word_by_word_is_normalizing_the_text(
            text in "([ -~]|[À-ɏ]|[ΑΣσa'.]|[\u{300}-\u{345}]|\\PC|[가-깋]|[\t\n\u{1c}\u{85}\u{3000}]){0,40}"
        ) {
            let scratch = scanned(&text);
            prop_assert_eq!(&scratch.normal, &normal_in_steps(&text));
            for line in &scratch.lines {
                let words: Vec<_> = scratch.words[line.words.clone()]
                    .iter()
                    .map(|word| &scratch.normal[word.bytes.clone()])
                    .collect();
                let normal = words.join(" ");
                prop_assert_eq!(&normal, &normal_in_steps(&text[line.bytes.clone()]));
                let numeric = normal.chars().filter(|c| class(*c) & NUMERIC != 0).count();
                prop_assert_eq!(line.numeric, numeric);
            }
            for word in &scratch.words {
                let chars = scratch.normal[word.bytes.clone()].chars().count();
                prop_assert_eq!(word.chars, chars);
            }
            prop_assert_eq!(scratch.raw_words, raw_words_in_steps(&text));
        }

        #[test]
        fn lines_cover_the_text(text in any::<String>()) {
            let scratch = scanned(&text);
            let mut end = (0, 0);
            for line in &scratch.lines {
                prop_assert_eq!(end, (line.bytes.start, line.chars.start));
                let chars = text[line.bytes.clone()].chars().count();
                prop_assert_eq!(chars, line.chars.len());
                end = (line.bytes.end, line.chars.end);
            }
            prop_assert_eq!(end, (text.len(), text.chars().count()));
        }
    }
}
