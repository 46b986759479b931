//! Rules that keep or drop a page, or lines of it, each as its upstream applies it. Four projects
//! have rules "of Gopher", and no two are the same; they stand here side by side, under the name of
//! whose they are.
//!
//! * [`c4`]: C4's cleaning, as TensorFlow Datasets and as datatrove have it.
//! * [`gopher`]: Gopher's rules as datatrove has them, and on the signals of RedPajama-V2.
//! * [`fineweb`]: FineWeb's own rules.
//! * [`dolma`]: the numbers that Dolma takes for Gopher's rules.
//! * [`dclm`]: DCLM's rules, after RefinedWeb.
//!
//! datatrove splits English words and sentences with spaCy, and TensorFlow Datasets sentences with
//! NLTK's Punkt. Both are replaced here by plain rules of our own, so a page near a threshold may
//! fare differently.

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

/// What a rule says of a page: keep it, or the name of the first test that it fails.
pub type Verdict = Result<(), &'static str>;

/// Python's `str.splitlines()`: without the ends of lines, and without an empty line at the end.
fn python_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_line_end).unwrap_or(rest.len());
        let line = &rest[..end];
        let behind = &rest[end..];
        let length = match behind.strip_prefix("\r\n") {
            Some(_) => 2,
            None => behind.chars().next().map_or(0, char::len_utf8),
        };
        rest = &behind[length..];
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

/// Python's `str.isdigit`: decimal digits, and superscripts, digits in circles and their like.
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

/// The quotient, 0 where there is nothing to divide by.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// An error with the test's name unless it holds.
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
        fn every_rule_takes_any_text(text in "([ab.]|the |# |… |\\.\\.\\. |- |\n|\n\n|\\PC|\u{301}|\0){0,80}") {
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
        fn a_cleaned_page_has_nothing_left_to_clean(text in "([ab.]|one two three|\n|likes|3 |A){0,40}") {
            if let Ok(clean) = c4::clean(&text, &c4::TFDS) {
                prop_assert_eq!(c4::clean(&clean, &c4::TFDS), Ok(clean.clone()));
            }
        }
    }
}
