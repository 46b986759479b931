//! Characters as Python's `re` and datatrove's lists tell them apart.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use std::sync::LazyLock;

/// What is known of a character: a set of the constants below.
pub(crate) type Class = u8;

/// Python's `\w`: a letter, a number or `_`. Marks are none.
pub(crate) const WORD: Class = 1;
/// Python's `\s`.
pub(crate) const SPACE: Class = 1 << 1;
/// Category Nd.
pub(crate) const DIGIT: Class = 1 << 2;
/// May stand between the digits of one number (datatrove `text.py`: `NUMBERS_PATTERN`).
pub(crate) const SEPARATOR: Class = 1 << 3;
/// Becomes a blank (datatrove `text.py`: `PUNCTUATION`).
pub(crate) const PUNCTUATION: Class = 1 << 4;
/// Category Mn, or canonical decomposition may change it or its place among its neighbours.
pub(crate) const UNSTABLE: Class = 1 << 5;

/// The function that tells the class of a character, for loops over many.
pub(crate) fn classes() -> impl Fn(char) -> Class + Copy {
    let classes: &[Class] = &CLASSES;
    move |c| classes.get(c as usize).copied().unwrap_or_else(|| determine(c))
}

/// A mark that does not stand on its own: category Mn.
pub(crate) fn is_mark(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    category == GeneralCategory::NonspacingMark
}

/// The classes of the basic plane, 64 KiB, of which a text touches a few lines.
static CLASSES: LazyLock<Box<[Class]>> = LazyLock::new(|| {
    // Surrogates are no characters; their places are never read.
    (0..=0xFFFF).map(|c| char::from_u32(c).map_or(0, determine)).collect()
});

fn determine(c: char) -> Class {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_letter = GeneralCategoryGroup::Letter.contains(category);
    let is_number = GeneralCategoryGroup::Number.contains(category);
    [
        (WORD, is_letter || is_number || c == '_'),
        (SPACE, text::python::is_space(c)),
        (DIGIT, category == GeneralCategory::DecimalNumber),
        (SEPARATOR, ".,،٫⎖⎗⎘".contains(c)),
        (PUNCTUATION, is_punctuation(c)),
        (UNSTABLE, is_unstable(c)),
    ]
    .into_iter()
    .filter_map(|(class, holds)| holds.then_some(class))
    .fold(0, |all, class| all | class)
}

/// ASCII's marks and controls, those of C1, and the marks that datatrove lists beside them. Tab and
/// line break are blanks already.
fn is_punctuation(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        _ => c.is_ascii_punctuation() || WIDE_PUNCTUATION.contains(c),
    }
}

const WIDE_PUNCTUATION: &str = "´«»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～";

fn is_unstable(c: char) -> bool {
    let mut bytes = [0; 4];
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    is_mark(c)
        || !nfd.is_normalized(c.encode_utf8(&mut bytes))
        || CanonicalCombiningClassMapBorrowed::new().get_u8(c) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_no_part_of_words() {
        let class = classes();
        for c in ['_', 'é', '½', 'Ⅷ', '一', '𝔸'] {
            assert!(class(c) & WORD != 0, "{c:?}");
        }
        for c in ['\u{301}', '\u{93e}', '-', '…', '\u{200d}', '\u{ff3f}'] {
            assert!(class(c) & WORD == 0, "{c:?}");
        }
    }
}
