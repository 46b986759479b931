//! The numbers that decide whether a file is kept (`github_clean_dedup_local.py`:
//! `get_file_statistics`), in Python's terms: lines as of `splitlines`, letters as of `isalpha` and
//! `isalnum`, lengths in code points.

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use std::sync::LazyLock;

/// Statistics of one file's text after its header was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Lines; the empty text has none.
    pub line_count: usize,
    /// Length of the longest line, in characters.
    pub max_line_length: usize,
    /// All characters, line ends included, divided by the number of lines.
    pub avg_line_length: f64,
    /// Letters and numerals divided by all characters.
    pub alnum_prop: f64,
}

/// A bit set of the three constants below.
type Class = u8;
const ALPHABETIC: Class = 1;
const NUMERAL: Class = 1 << 1;
const LINE_END: Class = 1 << 2;

/// Computes the statistics of a text; all zeros for the empty text.
///
/// ```
/// let found = code::statistics::statistics("ab\n1234\n");
/// assert_eq!((found.line_count, found.max_line_length), (2, 4));
/// assert_eq!((found.avg_line_length, found.alnum_prop), (4.0, 0.75));
/// ```
pub fn statistics(text: &str) -> Statistics {
    let classes: &[Class] = &CLASSES;
    let (mut chars, mut alnum) = (0usize, 0usize);
    let (mut lines, mut longest, mut line_begin) = (0usize, 0usize, 0usize);
    let mut last = '\0';
    for c in text.chars() {
        let class = class_in(classes, c);
        chars += 1;
        alnum += usize::from(class & (ALPHABETIC | NUMERAL) != 0);
        if class & LINE_END != 0 {
            // The second half of a line end of two characters belongs to no line.
            if !(c == '\n' && last == '\r') {
                lines += 1;
                longest = longest.max(chars - 1 - line_begin);
            }
            line_begin = chars;
        }
        last = c;
    }
    if line_begin < chars {
        lines += 1;
        longest = longest.max(chars - line_begin);
    }
    if lines == 0 {
        return Statistics::default();
    }
    Statistics {
        line_count: lines,
        max_line_length: longest,
        avg_line_length: chars as f64 / lines as f64,
        alnum_prop: alnum as f64 / chars as f64,
    }
}

/// Returns the number of letters, as of Python's `isalpha`.
pub fn alphabetic(text: &str) -> usize {
    let classes: &[Class] = &CLASSES;
    text.chars().filter(|c| class_in(classes, *c) & ALPHABETIC != 0).count()
}

fn class_in(classes: &[Class], c: char) -> Class {
    classes.get(c as usize).copied().unwrap_or_else(|| class(c))
}

/// The classes of the basic plane, 64 KiB. A text touches only a few cache lines of it.
static CLASSES: LazyLock<Box<[Class]>> = LazyLock::new(|| {
    // Surrogates are not characters; their entries are never read.
    (0..=0xFFFF).map(|c| char::from_u32(c).map_or(0, class)).collect()
});

/// Python's `isalpha` holds for the categories L*. `isalnum` also holds for characters with a
/// numeric value: the categories N*, and some ideographs, which are letters anyway. Line ends are
/// those of `str.splitlines`.
fn class(c: char) -> Class {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let letter = if GeneralCategoryGroup::Letter.contains(category) { ALPHABETIC } else { 0 };
    let numeral = if GeneralCategoryGroup::Number.contains(category) { NUMERAL } else { 0 };
    let ends = matches!(
        c,
        '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    );
    letter | numeral | if ends { LINE_END } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn python_line_ends_end_lines_and_no_others() {
        let text =
            "a\nb\rc\r\nd\u{b}e\u{c}f\u{1c}g\u{1d}h\u{1e}i\u{85}j\u{2028}k\u{2029}l\u{1f}m\tn";
        assert_eq!(statistics(text).line_count, 12);
        assert_eq!(statistics("\r\n\r\n").line_count, 2);
        let one = statistics("\r\n");
        assert_eq!((one.line_count, one.max_line_length), plain("\r\n"));
        assert_eq!(one.avg_line_length, 2.0);
        assert_eq!(statistics("\n\r").line_count, 2);
    }

    #[test]
    fn letters_are_those_of_python() {
        // A mark, a Roman numeral and a circled letter are not letters; an ideograph with a numeric
        // value is one.
        assert_eq!(alphabetic("é\u{301}Ⅷ一Ⓐ_9ªʰ"), 4);
        assert_eq!(statistics("é\u{301}Ⅷ一Ⓐ_9ªʰ").alnum_prop, 6.0 / 9.0);
        assert_eq!(alphabetic("\u{1d400}\u{1d7ce}"), 1, "beyond the basic plane");
    }

    /// The same with Python's own steps.
    fn plain(text: &str) -> (usize, usize) {
        let normal = text.replace("\r\n", "\n");
        let ends = |c: char| class(c) & LINE_END != 0;
        let mut lines: Vec<&str> = normal.split(ends).collect();
        if lines.last() == Some(&"") {
            lines.pop();
        }
        (lines.len(), lines.iter().map(|line| line.chars().count()).max().unwrap_or(0))
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn lines_are_those_of_the_plain_form(text in "[a1é\u{1d400} \r\n\u{b}\u{2028}]{0,40}") {
            let found = statistics(&text);
            prop_assert_eq!((found.line_count, found.max_line_length), plain(&text));
            let chars = text.chars().count() as f64;
            if found.line_count > 0 {
                prop_assert_eq!(found.avg_line_length, chars / found.line_count as f64);
            }
        }
    }
}
