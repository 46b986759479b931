//! Gopher's rules (Rae et al. 2021, Table A1 and section A.1.1): as in datatrove
//! (`gopher_quality_filter.py`, `gopher_repetition_filter.py`), and on the signals of RedPajama-V2
//! (its dataset card).

use super::copies::{jumped_over, later_copies, repeated_ngrams};
use super::english::{STOP_WORDS, words};
use super::{Verdict, chars, check, python_lines, share};
use crate::view::View;
use crate::{Value, find};
use icu_properties::CodePointSetData;
use icu_properties::props::SentenceTerminal;
use text::python::strip;
use text::unicode::{ALPHABETIC, class};

/// Checks that a text looks like prose. The tests in order: `gopher_short_doc`, `gopher_long_doc`,
/// `gopher_below_avg_threshold`, `gopher_above_avg_threshold`, `gopher_too_many_hashes`,
/// `gopher_too_many_ellipsis`, `gopher_too_many_bullets`, `gopher_too_many_end_ellipsis`,
/// `gopher_below_alpha_threshold`, `gopher_enough_stop_words`.
pub fn quality(text: &str) -> Verdict {
    let words = words(text);
    let prose = words.iter().filter(|word| !word.chars().all(is_symbol));
    let lengths = prose.map(|word| chars(word));
    let (count, sum) = lengths.fold((0, 0), |(count, sum), length| (count + 1, sum + length));
    check(count >= 50, "gopher_short_doc")?;
    check(count <= 100_000, "gopher_long_doc")?;
    check(share(sum, count) >= 3.0, "gopher_below_avg_threshold")?;
    check(share(sum, count) <= 10.0, "gopher_above_avg_threshold")?;

    let hashes = text.matches('#').count();
    let ellipses = text.matches("...").count() + text.matches('…').count();
    check(share(hashes, words.len()) <= 0.1, "gopher_too_many_hashes")?;
    check(share(ellipses, words.len()) <= 0.1, "gopher_too_many_ellipsis")?;

    let lines: Vec<&str> = python_lines(text).collect();
    let of_lines = |is: fn(&str) -> bool| {
        share(lines.iter().filter(|line| is(strip(line))).count(), lines.len())
    };
    check(of_lines(|line| line.starts_with(['•', '-'])) <= 0.9, "gopher_too_many_bullets")?;
    let ends = |line: &str| line.ends_with("...") || line.ends_with('…');
    check(of_lines(ends) <= 0.3, "gopher_too_many_end_ellipsis")?;

    let has_letter = |word: &&&str| word.chars().any(|c| class(c) & ALPHABETIC != 0);
    let alphabetic = words.iter().filter(has_letter).count();
    check(share(alphabetic, words.len()) >= 0.8, "gopher_below_alpha_threshold")?;
    let stop_words = STOP_WORDS.iter().filter(|stop| words.contains(stop)).count();
    check(stop_words >= 2, "gopher_enough_stop_words")
}

/// Whether the character is a symbol; a word may not consist of symbols alone. Symbols are CCNet's
/// punctuation, control characters, and ends of sentences in any script.
fn is_symbol(c: char) -> bool {
    c.is_ascii_punctuation()
        || c.is_control()
        || matches!(c, '—' | '–' | '“' | '”' | '„' | '’' | '«' | '»' | '´' | '…' | '━' | '►' | '∶')
        || matches!(c, '、' | '〈' | '〉' | '《' | '》' | '「' | '」' | '【' | '】' | '（' | '）')
        || matches!(c, '％' | '，' | '：' | '；' | '～' | '１')
        || is_sentence_end(c)
}

/// Whether the character ends sentences in any script (Unicode's Sentence_Terminal), or is one of
/// three Khmer signs.
pub(super) fn is_sentence_end(c: char) -> bool {
    CodePointSetData::new::<SentenceTerminal>().contains(c)
        || matches!(c, '\u{17d6}' | '\u{17d9}' | '\u{17da}')
}

/// Checks that a text does not repeat itself too much. The tests in order: `empty`,
/// `dup_para_frac`, `dup_para_char_frac`, `dup_line_frac`, `dup_line_char_frac`, `top_2_gram` to
/// `top_4_gram`, `duplicated_5_n_grams` to `duplicated_10_n_grams`.
pub fn repetition(text: &str) -> Verdict {
    const TOP: [(f64, &str); 3] =
        [(0.20, "top_2_gram"), (0.18, "top_3_gram"), (0.16, "top_4_gram")];
    const DUPLICATED: [(f64, &str); 6] = [
        (0.15, "duplicated_5_n_grams"),
        (0.14, "duplicated_6_n_grams"),
        (0.13, "duplicated_7_n_grams"),
        (0.12, "duplicated_8_n_grams"),
        (0.11, "duplicated_9_n_grams"),
        (0.10, "duplicated_10_n_grams"),
    ];
    check(!text.is_empty(), "empty")?;
    let all = chars(text);

    let paragraphs = split_at_newlines(strip(text), 2);
    let copies = later_copies(paragraphs.iter().copied());
    check(share(copies.elements, paragraphs.len()) <= 0.3, "dup_para_frac")?;
    check(share(copies.chars, all) <= 0.2, "dup_para_char_frac")?;

    let lines = split_at_newlines(text, 1);
    let copies = later_copies(lines.iter().copied());
    check(share(copies.elements, lines.len()) <= 0.3, "dup_line_frac")?;
    check(share(copies.chars, all) <= 0.2, "dup_line_char_frac")?;

    let words = words(text);
    let (mut ngrams, lengths) = repeated_ngrams(&words);
    for (limit, name) in TOP {
        ngrams.grow();
        if words.len() >= ngrams.n() {
            // If all occur once, the first is the most frequent.
            let (first, count) = ngrams.top().unwrap_or((0, 1));
            let length = lengths[first..first + ngrams.n()].iter().sum::<usize>() + ngrams.n() - 1;
            check(share(length * count, all) <= limit, name)?;
        }
    }
    for (n, (limit, name)) in (5..).zip(DUPLICATED) {
        check(share(jumped_over(&words, n), all) <= limit, name)?;
    }
    Ok(())
}

/// Splits at runs of at least `newlines_min` newlines, as Python's `re.split(r"\n{min,}")`.
fn split_at_newlines(text: &str, newlines_min: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\n', &text.as_bytes()[at..]) {
        let newline = at + found;
        at = newline + (text.len() - newline - text[newline..].trim_start_matches('\n').len());
        if at - newline >= newlines_min {
            parts.push(&text[start..newline]);
            start = at;
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A signal, and the least and greatest allowed value.
type Bounds = (&'static str, f64, f64);

/// Gopher's rules on the signals of RedPajama-V2, from its dataset card. The rule on stop words is
/// missing, since no signal counts them.
pub const ON_SIGNALS: [Bounds; 15] = [
    ("rps_doc_word_count", 50.0, 100_000.0),
    ("rps_doc_mean_word_length", 3.0, 10.0),
    ("rps_doc_symbol_to_word_ratio", 0.0, 0.1),
    ("rps_lines_start_with_bulletpoint", 0.0, 0.9),
    ("rps_doc_frac_lines_end_with_ellipsis", 0.0, 0.3),
    ("rps_doc_frac_no_alph_words", 0.0, 0.2),
    ("rps_doc_frac_chars_top_2gram", 0.0, 0.20),
    ("rps_doc_frac_chars_top_3gram", 0.0, 0.18),
    ("rps_doc_frac_chars_top_4gram", 0.0, 0.16),
    ("rps_doc_frac_chars_dupe_5grams", 0.0, 0.15),
    ("rps_doc_frac_chars_dupe_6grams", 0.0, 0.14),
    ("rps_doc_frac_chars_dupe_7grams", 0.0, 0.13),
    ("rps_doc_frac_chars_dupe_8grams", 0.0, 0.12),
    ("rps_doc_frac_chars_dupe_9grams", 0.0, 0.11),
    ("rps_doc_frac_chars_dupe_10grams", 0.0, 0.10),
];

/// Fails with the first signal of [`ON_SIGNALS`] that is out of bounds or absent.
pub fn on_signals(view: &mut View) -> Verdict {
    for (name, least, greatest) in ON_SIGNALS {
        let value = find(name).map_or(Value::Absent, |signal| signal.value(view));
        check(value.number().is_some_and(|value| least <= value && value <= greatest), name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, Lists, Scratch};

    #[test]
    fn newlines_split_as_upstreams_expressions() {
        assert_eq!(split_at_newlines("\na\n\n\nb\nc\n", 1), ["", "a", "b", "c", ""]);
        assert_eq!(split_at_newlines("a\n\n\nb\nc", 2), ["a", "b\nc"]);
        assert_eq!(split_at_newlines("", 2), [""]);
    }

    #[test]
    fn copies_of_paragraphs_are_found_before_copies_of_lines() {
        let twice = "a first line\n\nanother paragraph\n\n";
        assert_eq!(repetition(&twice.repeat(2)), Err("dup_para_frac"));
        assert_eq!(repetition(""), Err("empty"));
        assert_eq!(repetition("a b a b a b a b"), Err("top_2_gram"));
    }

    #[test]
    fn signals_out_of_bounds_are_reported() {
        let on_signals = |text: &str| {
            let (facts, lists) = (Facts::default(), Lists::default());
            on_signals(&mut View::new(text, &facts, &lists, &mut Scratch::default()))
        };
        assert_eq!(on_signals(""), Err("rps_doc_word_count"));
        let words = |count: u32| (0..count).map(|at| format!("word{at} ")).collect::<String>();
        assert_eq!(on_signals(&words(60)), Ok(()));
        assert_eq!(on_signals(&words(60).repeat(2)), Err("rps_doc_frac_chars_dupe_5grams"));
        assert_eq!(on_signals(&(words(60) + &"• 1 ".repeat(60))), Err("rps_doc_mean_word_length"));
    }

    #[test]
    fn every_name_is_that_of_a_signal() {
        for (name, ..) in ON_SIGNALS {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
