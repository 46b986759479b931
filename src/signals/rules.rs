//! Rules that keep or drop a page, or lines of it, each as its upstream applies it. Four projects
//! have different versions of Gopher's rules; each is here under its project's name.
//!
//! * [`c4`]: C4's cleaning, as in TensorFlow Datasets and in datatrove.
//! * [`gopher`]: Gopher's rules as in datatrove, and on the signals of RedPajama-V2.
//! * [`fineweb`]: FineWeb's own rules.
//! * [`dolma`]: the numbers that Dolma computes for Gopher's rules.
//! * [`dclm`]: DCLM's rules, after RefinedWeb.
//!
//! datatrove splits English words and sentences with spaCy, and TensorFlow Datasets splits
//! sentences with NLTK's Punkt. Simple rules replace both here, so the result for a page near a
//! threshold may differ.

pub mod c4;
pub mod dclm;
pub mod dolma;
pub mod fineweb;
pub mod gopher;

mod copies;
mod english;

#[cfg(test)]
mod golden;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// The verdict of a rule on a page: keep it, or the name of the first test that it fails.
pub type Verdict = Result<(), &'static str>;

/// Python's `str.splitlines()`: lines without their ends, and without an empty line at the end.
fn python_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_line_end).unwrap_or(rest.len());
        let line = &rest[..end];
        let after = &rest[end..];
        let length = match after.strip_prefix("\r\n") {
            Some(_) => 2,
            None => after.chars().next().map_or(0, char::len_utf8),
        };
        rest = &after[length..];
        Some(line)
    })
}

fn is_line_end(c: char) -> bool {
    matches!(
        c,
        '\n' | '\x0b' | '\x0c' | '\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Python's `\d`, and `str.isdecimal`.
fn is_decimal(c: char) -> bool {
    c.is_ascii_digit()
        || CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::DecimalNumber
}

/// Python's `str.isdigit`: decimal digits, superscripts, circled digits and similar characters.
fn is_digit(c: char) -> bool {
    is_decimal(c)
        || matches!(c, '²' | '³' | '¹' | '፩'..='፱' | '᧚' | '⁰' | '⁴'..='⁹' | '₀'..='₉')
        || matches!(c, '①'..='⑨' | '⑴'..='⑼' | '⒈'..='⒐' | '⓪' | '⓵'..='⓽' | '⓿')
        || matches!(c, '❶'..='❾' | '➀'..='➈' | '➊'..='➒' | '\u{10a40}'..='\u{10a43}')
        || matches!(c, '\u{10e60}'..='\u{10e68}' | '\u{11052}'..='\u{1105a}' | '🄀'..='🄊')
}

/// Python's `len`.
fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Returns the quotient, or 0 if `whole` is 0.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Fails with the test's name unless the test holds.
fn check(holds: bool, name: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_end_where_python_ends_them() {
        let lines: Vec<_> = python_lines("a\r\n\rb\u{85}c\x1dd\u{2028}\n").collect();
        assert_eq!(lines, ["a", "", "b", "c", "d", ""]);
        assert_eq!(python_lines("").count(), 0);
        assert_eq!(python_lines("\n").collect::<Vec<_>>(), [""]);
        assert_eq!(python_lines("a\x1fb").count(), 1);
    }

    #[test]
    fn digits_are_pythons() {
        let count = |is: fn(char) -> bool| ('\0'..=char::MAX).filter(|c| is(*c)).count();
        assert_eq!(count(is_digit) - count(is_decimal), 128);
        assert!(is_decimal('\u{660}') && !is_decimal('²') && !is_digit('½'));
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn every_rule_accepts_any_text(text in "([ab.]|the |# |… |\\.\\.\\. |- |\n|\n\n|\\PC|\u{301}|\0){0,80}") {
            let _ = c4::clean(&text, &c4::TFDS);
            let _ = c4::clean(&text, &c4::DATATROVE);
            c4::has_paragraphs(&text);
            let _ = gopher::quality(&text);
            let _ = gopher::repetition(&text);
            let _ = fineweb::quality(&text);
            let attributes = dolma::GopherAttributes::of(&text);
            prop_assert!(attributes.median_word_length.is_finite());
            let _ = dclm::quality(&text);
            let _ = dclm::repetition(&text);
            let _ = dclm::clean_lines(&text);
        }

        #[test]
        fn cleaning_is_idempotent(text in "([ab.]|one two three|\n|likes|3 |A){0,40}") {
            if let Ok(clean) = c4::clean(&text, &c4::TFDS) {
                prop_assert_eq!(c4::clean(&clean, &c4::TFDS), Ok(clean.clone()));
            }
        }
    }
}
