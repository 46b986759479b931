//! The text that CCNet's language models read: `text_normalizer.normalize` with `accent=True`,
//! `numbers=True`, `punct=1`, its defaults for them.

use super::digits::is_decimal;
use crate::python::strip;
use icu_normalizer::{DecomposingNormalizer, DecomposingNormalizerBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::{CanonicalCombiningClass, GeneralCategory};
use std::sync::LazyLock;

/// Writes the text as CCNet's language models read it to `out`: stripped, lower-case, without
/// accents (decomposed, and marks of category Mn removed), with every decimal digit a `0`, Unicode
/// punctuation replaced by ASCII, and control characters removed. Line ends are control characters,
/// and no blank replaces them.
///
/// Decimal digits are those of Unicode 14, as in Python 3.11. Accents include those added since.
pub fn normalize_for_lm(text: &str, out: &mut String) {
    out.clear();
    let text = strip(text);
    if text.contains('Σ') {
        // Sigma: the only letter whose lower case depends on its position in the word.
        append(&text.to_lowercase(), out);
    } else {
        append(text, out);
    }
}

fn append(text: &str, out: &mut String) {
    let folds: &Folds = &FOLDS;
    let start = out.len();
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        let fold = folds.of(c);
        if fold == KEEP {
            continue;
        }
        if fold == REORDERED {
            // Rare: a mark that is not an accent may swap places with its neighbours.
            out.truncate(start);
            return append_in_steps(text, out);
        }
        out.push_str(&text[copied..at]);
        copied = at + c.len_utf8();
        match fold {
            BEYOND => append_in_steps(&text[at..copied], out),
            fold => out.push_str(folds.replacement(fold)),
        }
    }
    out.push_str(&text[copied..]);
}

/// Applies the rule step by step, as upstream does.
fn append_in_steps(text: &str, out: &mut String) {
    let lower = text.to_lowercase();
    for c in NFD.normalize(&lower).chars() {
        match c {
            c if CATEGORIES.get(c) == GeneralCategory::NonspacingMark => {}
            c if is_decimal(c) => out.push('0'),
            c if c.is_control() => {}
            c => match replacement(c) {
                Some(replacement) => out.push_str(replacement),
                None => out.push(c),
            },
        }
    }
}

const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizer::new_nfd();
static CATEGORIES: LazyLock<icu_properties::CodePointMapDataBorrowed<'static, GeneralCategory>> =
    LazyLock::new(CodePointMapData::<GeneralCategory>::new);

/// Values of `UNICODE_PUNCT`. Upstream also lists the full-width digit one, but that is a digit and
/// has already become `0`.
fn replacement(c: char) -> Option<&'static str> {
    Some(match c {
        '，' | '、' => ",",
        '。' => ".",
        '„' | '”' | '“' | '«' | '»' | '」' | '「' | '《' | '》' => "\"",
        '´' | '’' => "'",
        '∶' | '：' => ":",
        '？' => "?",
        '！' => "!",
        '（' => "(",
        '）' => ")",
        '；' => ";",
        '–' | '━' | '►' => "-",
        '—' => " - ",
        '．' => ". ",
        '～' => "~",
        '…' => "...",
        '〈' => "<",
        '〉' => ">",
        '【' => "[",
        '】' => "]",
        '％' => "%",
        _ => return None,
    })
}

/// The replacement of each character of the first two planes, as a table. A text touches only a few
/// cache lines of it.
struct Folds {
    of: Box<[u32]>,
    replacements: String,
}

type Fold = u32;
const KEEP: Fold = 0;
/// The whole text has to be normalized step by step.
const REORDERED: Fold = u32::MAX;
/// Not in the table.
const BEYOND: Fold = u32::MAX - 1;
/// Other folds: the start of the replacement, and its length plus one in the low bits.
const LEN_BITS: u32 = 8;
const TABLE_CHARS: u32 = 0x2_0000;

static FOLDS: LazyLock<Folds> = LazyLock::new(|| {
    let mut folds = Folds { of: Box::default(), replacements: String::new() };
    // Surrogates are not characters; their entries are never read.
    folds.of = (0..TABLE_CHARS).map(|c| char::from_u32(c).map_or(KEEP, |c| folds.add(c))).collect();
    folds
});

impl Folds {
    fn add(&mut self, c: char) -> Fold {
        let start = self.replacements.len();
        let text = c.encode_utf8(&mut [0; 4]).to_string();
        append_in_steps(&text, &mut self.replacements);
        let classes = CodePointMapData::<CanonicalCombiningClass>::new();
        let is_reordered = |c: char| classes.get(c) != CanonicalCombiningClass::NotReordered;
        if self.replacements[start..].contains(is_reordered) {
            return REORDERED;
        }
        if self.replacements[start..] == text {
            self.replacements.truncate(start);
            return KEEP;
        }
        let len = self.replacements.len() - start;
        (start as u32) << LEN_BITS | (len as u32 + 1)
    }

    #[inline]
    fn of(&self, c: char) -> Fold {
        self.of.get(c as usize).copied().unwrap_or(BEYOND)
    }

    fn replacement(&self, fold: Fold) -> &str {
        let (start, len) = ((fold >> LEN_BITS) as usize, fold & ((1 << LEN_BITS) - 1));
        &self.replacements[start..start + len as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalized(text: &str) -> String {
        let mut out = String::from("left over");
        normalize_for_lm(text, &mut out);
        out
    }

    fn in_steps(text: &str) -> String {
        let mut out = String::new();
        append_in_steps(strip(text), &mut out);
        out
    }

    #[test]
    fn lines_are_glued() {
        assert_eq!(normalized(" One\nTwo\tthree \n"), "onetwothree");
    }

    #[test]
    fn unicode_punctuation_becomes_ascii() {
        let marks = "a，、。„”“«»」「《》´’∶：？！（）；–━►—．～…〈〉【】％１a";
        assert_eq!(normalized(marks), "a,,.\"\"\"\"\"\"\"\"\"''::?!();--- - . ~...<>[]%0a");
    }

    #[test]
    fn every_character_is_folded_as_by_the_rule() {
        for c in '\0'..=char::MAX {
            let text = format!("x{c}x");
            assert_eq!(normalized(&text), in_steps(&text), "{c:?}");
        }
    }

    #[test]
    fn marks_other_than_accents_are_put_in_order() {
        // U+302E has class 224, U+1D165 has 216: both stay, the lower class first.
        assert_eq!(normalized("a\u{302e}\u{1d165}A"), "a\u{1d165}\u{302e}a");
    }

    #[test]
    fn the_lower_case_of_sigma_depends_on_its_neighbours() {
        assert_eq!(normalized("ΟΔΟΣ ΣΑΣ"), "οδος σας");
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn the_table_equals_the_rule(text in "([ -~\n]|[À-ͯ]|[ΑΣσa]|\\PC|[가-힣]|[、-】]|[٠-٩]|[\u{302e}\u{1d165}]){0,40}") {
            prop_assert_eq!(normalized(&text), in_steps(&text));
        }
    }
}
