//! Signals with one value per line (RedPajama-V2, `core/quality_signals/lines.py`). A line includes
//! its newline, and there is no empty line after the last newline.

use crate::signal::{Of, Signal, Source};
use crate::value::Value;
use crate::view::{Line, View};
use text::python::is_space;

/// Whether the line ends like a sentence. The name has upstream's spelling.
pub const ENDING_WITH_TERMINAL_PUNCTUATION_MARK: Signal = Signal {
    name: "rps_lines_ending_with_terminal_punctution_mark",
    about: "1 for a line that ends with . ! ? or ”",
    source: Source::Text,
    of: Of::Lines(|view, line| {
        let text = view.raw_line(line).trim_end_matches(is_space);
        flag(text.ends_with(['.', '!', '?', '”']))
    }),
};

/// Occurrences of the word "javascript" in the line.
pub const JAVASCRIPT_COUNTS: Signal = Signal {
    name: "rps_lines_javascript_counts",
    about: "occurrences of the word \"javascript\" in the line",
    source: Source::Text,
    of: Of::Lines(|view, line| {
        let words = view.words()[line.words.clone()].iter();
        Value::Real(words.filter(|word| view.word(word) == "javascript").count() as f64)
    }),
};

/// Words in the line.
pub const NUM_WORDS: Signal = Signal {
    name: "rps_lines_num_words",
    about: "words in the line, after normalization",
    source: Source::Text,
    of: Of::Lines(|_, line| Value::Count(line.words.len() as u64)),
};

/// Share of numeric characters in the normalized line.
pub const NUMERICAL_CHARS_FRACTION: Signal = Signal {
    name: "rps_lines_numerical_chars_fraction",
    about: "share of numeric characters in the line, after normalization",
    source: Source::Text,
    of: Of::Lines(|view, line| Value::ratio_or_zero(line.numeric, view.normal_chars(line))),
};

/// Whether the line is an item of a list.
pub const START_WITH_BULLETPOINT: Signal = Signal {
    name: "rps_lines_start_with_bulletpoint",
    about: "1 for a line that starts with a bullet; - and * do not count",
    source: Source::Text,
    of: Of::LinesOrAbsent(bullet),
};

/// Share of upper-case characters in the line.
pub const UPPERCASE_LETTER_FRACTION: Signal = Signal {
    name: "rps_lines_uppercase_letter_fraction",
    about: "share of upper-case characters in the line, including its newline",
    source: Source::Text,
    of: Of::Lines(|_, line| Value::ratio_or_zero(line.upper, line.chars.len())),
};

fn bullet(view: &View, line: &Line) -> Value {
    const BULLETS: [char; 10] = [
        '\u{2022}', // bullet
        '\u{2023}', // triangular bullet
        '\u{25B6}', // black right-pointing triangle
        '\u{25C0}', // black left-pointing triangle
        '\u{25E6}', // white bullet
        '\u{25A0}', // black square
        '\u{25A1}', // white square
        '\u{25AA}', // black small square
        '\u{25AB}', // white small square
        '\u{2013}', // en dash
    ];
    flag(view.raw_line(line).trim_start_matches(is_space).starts_with(BULLETS))
}

fn flag(holds: bool) -> Value {
    Value::Real(f64::from(u8::from(holds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::lists::Lists;
    use crate::view::Scratch;

    fn values(signal: &Signal, text: &str) -> Vec<f64> {
        let (facts, lists, mut scratch) = (Facts::default(), Lists::default(), Scratch::default());
        let mut spans = Vec::new();
        signal.spans(&mut View::new(text, &facts, &lists, &mut scratch), &mut spans);
        spans.iter().map(|span| span.value.number().expect("a value")).collect()
    }

    #[test]
    fn ends_are_checked_after_blanks_are_stripped() {
        let text = "a. \u{3000}\nb”\nc\"\nd!\r\n\n?";
        let expected = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0];
        assert_eq!(values(&ENDING_WITH_TERMINAL_PUNCTUATION_MARK, text), expected);
    }

    #[test]
    fn bullets_may_be_indented() {
        let text = " • a\n–b\n- c\n\u{1c}■\n\na •";
        assert_eq!(values(&START_WITH_BULLETPOINT, text), [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_newline_counts_among_the_characters_of_a_line() {
        assert_eq!(values(&UPPERCASE_LETTER_FRACTION, "ABc\nÀ"), [0.5, 1.0]);
    }

    #[test]
    fn words_of_each_line() {
        assert_eq!(values(&NUM_WORDS, "a, b - c\n\n-\nd"), [3.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn the_value_of_a_document_is_the_mean_of_its_lines() {
        let (facts, lists, mut scratch) = (Facts::default(), Lists::default(), Scratch::default());
        let mut view = View::new("• a\nb c\nd\ne", &facts, &lists, &mut scratch);
        assert_eq!(START_WITH_BULLETPOINT.value(&mut view), Value::Real(0.25));
        // The bullet is not ASCII punctuation, so it is a word.
        assert_eq!(NUM_WORDS.value(&mut view), Value::Real(1.5));
        let mut empty = View::new("", &facts, &lists, &mut scratch);
        assert_eq!(NUM_WORDS.value(&mut empty), Value::Absent);
    }
}
