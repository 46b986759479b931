//! Simplifies a text before it is compared, as datatrove does.

use icu_normalizer::DecomposingNormalizerBorrowed;
use text::unicode::{DECOMPOSES, DIGIT, MARK, PUNCTUATION, SEPARATOR, SPACE, classes};

/// Lower-cases a text, replaces each number by `0`, including one part after a point or comma,
/// replaces punctuation by blanks, collapses blanks, and removes accents. The order is that of
/// datatrove's `simplify_text` (`utils/text.py`).
pub(crate) fn simplify(text: &str, simplified: &mut String) {
    simplified.clear();
    let class = classes();
    let lower = text.to_lowercase();
    let mut chars = lower.chars().peekable();
    let (mut blank, mut unstable) = (false, false);
    while let Some(c) = chars.next() {
        let kind = class(c);
        if kind & (SPACE | PUNCTUATION) != 0 && kind & DIGIT == 0 {
            blank = true;
            continue;
        }
        if blank && !simplified.is_empty() {
            simplified.push(' ');
        }
        blank = false;
        unstable |= kind & (DECOMPOSES | MARK) != 0;
        if kind & DIGIT == 0 {
            simplified.push(c);
            continue;
        }
        simplified.push('0');
        let is_digit = |c: &char| class(*c) & DIGIT != 0;
        while chars.next_if(is_digit).is_some() {}
        let mut ahead = chars.clone();
        if ahead.next_if(|c| class(*c) & SEPARATOR != 0).is_some()
            && ahead.peek().is_some_and(is_digit)
        {
            chars = ahead;
            while chars.next_if(is_digit).is_some() {}
        }
    }
    if unstable {
        let plain = DecomposingNormalizerBorrowed::new_nfd().normalize(simplified);
        let plain: String = plain.chars().filter(|c| class(*c) & MARK == 0).collect();
        simplified.clear();
        simplified.push_str(plain.trim_matches(text::python::is_space));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simplified(text: &str) -> String {
        let mut found = String::new();
        simplify(text, &mut found);
        found
    }

    #[test]
    fn a_number_may_have_one_part_after_a_separator() {
        assert_eq!(simplified("1.2.3 4,5 6. 7.x 8..9"), "0 0 0 0 0 x 0 0");
        assert_eq!(simplified("a1b22c ٣٫٥"), "a0b0c 0");
    }

    #[test]
    fn accents_are_removed_and_blanks_collapsed() {
        assert_eq!(simplified("  Ünï\u{301}\u{327}\n\tCÔDE\u{a0}!"), "uni code");
        assert_eq!(simplified("a \u{301} b \u{301}"), "a  b");
        assert_eq!(simplified(" .\u{1}-"), "");
    }
}
