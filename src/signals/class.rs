//! Characters as Python's string methods and regular expressions tell them apart: upstream's rules
//! are written in those terms. Categories are those of the Unicode version that `icu_properties`
//! has, where upstream ran with Unicode 12 to 14; only characters added since differ.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use std::sync::LazyLock;

/// What is known of a character: a set of the constants below. Classes of several characters are
/// joined with `|`.
pub(crate) type Class = u8;

/// `\w`: a letter, a number or `_`. Marks are none, other than in Rust's `regex`.
pub(crate) const WORD: Class = 1;
/// `isspace`, and `\s`.
pub(crate) const SPACE: Class = 1 << 1;
/// `isupper` of a single character.
pub(crate) const UPPER: Class = 1 << 2;
/// `islower` or `istitle`: a word with one of these is not all capitals.
pub(crate) const LOWER: Class = 1 << 3;
/// `isnumeric`: digits, fractions, Roman and Chinese numerals.
pub(crate) const NUMERIC: Class = 1 << 4;
/// `isalpha`: a letter.
pub(crate) const ALPHABETIC: Class = 1 << 5;
/// A letter from a to z or A to Z.
pub(crate) const ASCII_LETTER: Class = 1 << 6;
/// Lower-casing and canonical decomposition may change it, or its place among its neighbours.
pub(crate) const UNSTABLE: Class = 1 << 7;

/// The class of a character.
pub(crate) fn class(c: char) -> Class {
    classes()(c)
}

/// The function that tells the class of a character, for loops over many.
pub(crate) fn classes() -> impl Fn(char) -> Class + Copy {
    let classes: &[Class] = &CLASSES;
    move |c| classes.get(c as usize).copied().unwrap_or_else(|| determine(c))
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
    let is_title = category == GeneralCategory::TitlecaseLetter;
    [
        (WORD, is_letter || is_number || c == '_'),
        (SPACE, text::python::is_space(c)),
        (UPPER, c.is_uppercase()),
        (LOWER, c.is_lowercase() || is_title),
        (NUMERIC, is_number || is_chinese_numeral(c)),
        (ALPHABETIC, is_letter),
        (ASCII_LETTER, c.is_ascii_alphabetic()),
        (UNSTABLE, is_unstable(c)),
    ]
    .into_iter()
    .filter_map(|(class, holds)| holds.then_some(class))
    .fold(0, |all, class| all | class)
}

fn is_unstable(c: char) -> bool {
    let mut bytes = [0; 4];
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    !c.to_lowercase().eq([c])
        || !nfd.is_normalized(c.encode_utf8(&mut bytes))
        || CanonicalCombiningClassMapBorrowed::new().get_u8(c) != 0
}

/// Ideographs with a numeric value (Unicode 14, `kPrimaryNumeric` and its like): letters by their
/// category, but numeric for Python.
fn is_chinese_numeral(c: char) -> bool {
    CHINESE_NUMERALS.binary_search(&(c as u32)).is_ok()
}

const CHINESE_NUMERALS: [u32; 81] = [
    0x3405, 0x3483, 0x382A, 0x3B4D, 0x4E00, 0x4E03, 0x4E07, 0x4E09, 0x4E5D, 0x4E8C, 0x4E94, 0x4E96,
    0x4EBF, 0x4EC0, 0x4EDF, 0x4EE8, 0x4F0D, 0x4F70, 0x5104, 0x5146, 0x5169, 0x516B, 0x516D, 0x5341,
    0x5343, 0x5344, 0x5345, 0x534C, 0x53C1, 0x53C2, 0x53C3, 0x53C4, 0x56DB, 0x58F1, 0x58F9, 0x5E7A,
    0x5EFE, 0x5EFF, 0x5F0C, 0x5F0D, 0x5F0E, 0x5F10, 0x62FE, 0x634C, 0x67D2, 0x6F06, 0x7396, 0x767E,
    0x8086, 0x842C, 0x8CAE, 0x8CB3, 0x8D30, 0x9621, 0x9646, 0x964C, 0x9678, 0x96F6, 0xF96B, 0xF973,
    0xF978, 0xF9B2, 0xF9D1, 0xF9D3, 0xF9FD, 0x20001, 0x20064, 0x200E2, 0x20121, 0x2092A, 0x20983,
    0x2098C, 0x2099C, 0x20AEA, 0x20AFD, 0x20B19, 0x22390, 0x22998, 0x23B1B, 0x2626D, 0x2F890,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn has(c: char, classes: Class) -> bool {
        class(c) & classes == classes
    }

    #[test]
    fn marks_are_no_part_of_words() {
        assert!(has('_', WORD) && has('é', WORD) && has('½', WORD) && has('Ⅷ', WORD));
        for c in ['\u{301}', '\u{93e}', '-', '…', '\u{200d}', '\u{ff3f}'] {
            assert!(!has(c, WORD), "{c:?}");
        }
    }

    #[test]
    fn numbers_of_every_kind_are_numeric() {
        for c in ['7', '½', 'Ⅷ', '²', '一', '\u{f9d1}', '\u{2f890}', '\u{1fbf9}'] {
            assert!(has(c, NUMERIC), "{c:?}");
        }
        for c in ['a', '-', '丂', '\u{20000}'] {
            assert!(!has(c, NUMERIC), "{c:?}");
        }
    }

    #[test]
    fn title_case_is_not_upper_case() {
        assert!(has('A', UPPER) && has('Ⓐ', UPPER) && has('Ⅷ', UPPER));
        assert!(has('ǅ', LOWER) && !has('ǅ', UPPER) && has('a', LOWER) && has('ª', LOWER));
        assert!(!has('一', UPPER) && !has('一', LOWER));
    }

    #[test]
    fn the_table_of_the_basic_plane_is_the_rule() {
        for c in ('\0'..='\u{ffff}').chain('\u{1d7ce}'..='\u{1d7ff}') {
            assert_eq!(class(c), determine(c), "{c:?}");
        }
    }

    #[test]
    fn stable_characters_stay_as_they_are_between_any_others() {
        assert!(has('É', UNSTABLE) && has('é', UNSTABLE) && has('\u{301}', UNSTABLE));
        assert!(has('A', UNSTABLE) && has('한', UNSTABLE) && has('\u{2126}', UNSTABLE));
        assert!(!has('a', UNSTABLE) && !has('ß', UNSTABLE) && !has('中', UNSTABLE));
    }
}
