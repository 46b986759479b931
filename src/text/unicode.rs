//! Character classes as Python's string methods, its regular expressions and datatrove's lists
//! define them, since upstream's rules are written in those terms. Categories are those of
//! `icu_properties`' Unicode version. Upstream ran with Unicode 12 to 14; only characters added
//! since differ.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use std::sync::LazyLock;

/// The properties of a character: a bit set of the constants below.
pub type Class = u16;

/// `\w`: a letter, a number or `_`, but not a mark, unlike in Rust's `regex`.
pub const WORD: Class = 1;
/// `isspace`, and `\s`.
pub const SPACE: Class = 1 << 1;
/// `isupper` of a single character.
pub const UPPER: Class = 1 << 2;
/// `islower` or `istitle`: a word with one of these is not all capitals.
pub const LOWER: Class = 1 << 3;
/// `isnumeric`: digits, fractions, Roman and Chinese numerals.
pub const NUMERIC: Class = 1 << 4;
/// `isalpha`: a letter.
pub const ALPHABETIC: Class = 1 << 5;
/// A letter from a to z or A to Z.
pub const ASCII_LETTER: Class = 1 << 6;
/// Canonical decomposition may change it or its position among its neighbours.
pub const DECOMPOSES: Class = 1 << 7;
/// Lower-casing changes it.
pub const CASED: Class = 1 << 8;
/// A nonspacing mark: category Mn.
pub const MARK: Class = 1 << 9;
/// Category Nd.
pub const DIGIT: Class = 1 << 10;
/// May separate the digits of one number (datatrove `text.py`: `NUMBERS_PATTERN`).
pub const SEPARATOR: Class = 1 << 11;
/// Becomes a blank (datatrove `text.py`: `PUNCTUATION`).
pub const PUNCTUATION: Class = 1 << 12;

/// Returns the class of a character.
pub fn class(c: char) -> Class {
    classes()(c)
}

/// Returns a function from a character to its class, for loops over many characters.
pub fn classes() -> impl Fn(char) -> Class + Copy {
    let classes: &[Class] = &CLASSES;
    move |c| classes.get(c as usize).copied().unwrap_or_else(|| determine(c))
}

/// The classes of the basic plane, 128 KiB. A text touches only a few cache lines of it.
static CLASSES: LazyLock<Box<[Class]>> = LazyLock::new(|| {
    // Surrogates are not characters; their entries are never read.
    (0..=0xFFFF).map(|c| char::from_u32(c).map_or(0, determine)).collect()
});

fn determine(c: char) -> Class {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_letter = GeneralCategoryGroup::Letter.contains(category);
    let is_number = GeneralCategoryGroup::Number.contains(category);
    let is_title = category == GeneralCategory::TitlecaseLetter;
    [
        (WORD, is_letter || is_number || c == '_'),
        (SPACE, crate::python::is_space(c)),
        (UPPER, c.is_uppercase()),
        (LOWER, c.is_lowercase() || is_title),
        (NUMERIC, is_number || is_chinese_numeral(c)),
        (ALPHABETIC, is_letter),
        (ASCII_LETTER, c.is_ascii_alphabetic()),
        (DECOMPOSES, decomposes(c)),
        (CASED, !c.to_lowercase().eq([c])),
        (MARK, category == GeneralCategory::NonspacingMark),
        (DIGIT, category == GeneralCategory::DecimalNumber),
        (SEPARATOR, ".,،٫⎖⎗⎘".contains(c)),
        (PUNCTUATION, is_punctuation(c)),
    ]
    .into_iter()
    .filter_map(|(class, holds)| holds.then_some(class))
    .fold(0, |all, class| all | class)
}

/// ASCII punctuation and controls, the C1 controls, and the marks that datatrove lists besides. Tab
/// and line break are already blanks.
fn is_punctuation(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        _ => c.is_ascii_punctuation() || WIDE_PUNCTUATION.contains(c),
    }
}

const WIDE_PUNCTUATION: &str = "´«»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～";

fn decomposes(c: char) -> bool {
    let mut bytes = [0; 4];
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    !nfd.is_normalized(c.encode_utf8(&mut bytes))
        || CanonicalCombiningClassMapBorrowed::new().get_u8(c) != 0
}

/// Ideographs with a numeric value (Unicode 14, `kPrimaryNumeric` and related properties): letters
/// by their category, but numeric in Python.
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
    fn marks_are_not_part_of_words() {
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
    fn the_table_of_the_basic_plane_equals_the_rule() {
        for c in ('\0'..='\u{ffff}').chain('\u{1d7ce}'..='\u{1d7ff}') {
            assert_eq!(class(c), determine(c), "{c:?}");
        }
    }

    #[test]
    fn characters_that_lower_casing_or_decomposition_changes_are_marked() {
        for c in ['É', 'é', '\u{301}', '한', '\u{2126}'] {
            assert!(has(c, DECOMPOSES), "{c:?}");
        }
        assert!(has('A', CASED) && has('É', CASED) && has('\u{301}', MARK));
        for c in ['a', 'ß', '中'] {
            assert!(class(c) & (DECOMPOSES | CASED | MARK) == 0, "{c:?}");
        }
    }
}
