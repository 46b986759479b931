//! The rules of [`crate::rules`] as signals, so that recipes can use them: 1 if a page passes all
//! tests of a rule, 0 if it fails one. Dolma publishes numbers without limits, so each of its
//! numbers is a signal.

use crate::rules::{Verdict, c4, dclm, dolma::GopherAttributes, fineweb, gopher};
use crate::signal::{Of, Signal, Source};
use crate::value::Value;
use crate::view::View;

/// All rules, sorted by name.
pub static RULES: [Signal; 26] = [
    rule(
        "c4_paragraphs",
        "C4 (Raffel et al. 2020): three paragraphs of 200 characters or more",
        |view| Value::Count(u64::from(c4::has_paragraphs(view.text()))),
    ),
    rule(
        "c4_quality",
        "C4 (Raffel et al. 2020) by datatrove's c4_filters.py: no page-level test fails",
        |view| verdict(c4::clean(view.text(), &c4::DATATROVE).map(drop)),
    ),
    rule(
        "dclm_quality",
        "DCLM (Li et al. 2024): length, word length, symbols, bullets, ellipses, letters, stop words",
        |view| verdict(dclm::quality(view.text())),
    ),
    rule(
        "dclm_repetition",
        "DCLM (Li et al. 2024): repeated lines, paragraphs and n-grams",
        |view| verdict(dclm::repetition(view.text())),
    ),
    rule("dolma_char_count", "Dolma: characters", |view| count(dolma(view).character_count)),
    rule("dolma_dupe_10grams", DUPLICATES, |view| of_n(duplicates(view), 10)),
    rule("dolma_dupe_5grams", DUPLICATES, |view| of_n(duplicates(view), 5)),
    rule("dolma_dupe_6grams", DUPLICATES, |view| of_n(duplicates(view), 6)),
    rule("dolma_dupe_7grams", DUPLICATES, |view| of_n(duplicates(view), 7)),
    rule("dolma_dupe_8grams", DUPLICATES, |view| of_n(duplicates(view), 8)),
    rule("dolma_dupe_9grams", DUPLICATES, |view| of_n(duplicates(view), 9)),
    rule("dolma_frac_alpha_words", "Dolma: share of words with a letter", |view| {
        Value::Real(dolma(view).fraction_of_words_with_alpha_character)
    }),
    rule("dolma_frac_bullet_lines", "Dolma: share of lines that begin with a bullet", |view| {
        Value::Real(dolma(view).fraction_of_lines_starting_with_bullet_point)
    }),
    rule(
        "dolma_frac_chars_dupe_lines",
        "Dolma: characters of repeated lines per character of a word",
        |view| Value::Real(dolma(view).fraction_of_characters_in_duplicate_lines),
    ),
    rule("dolma_frac_dupe_lines", "Dolma: share of lines that occur more than once", |view| {
        Value::Real(dolma(view).fraction_of_duplicate_lines)
    }),
    rule("dolma_frac_ellipsis_lines", "Dolma: share of lines that end with an ellipsis", |view| {
        Value::Real(dolma(view).fraction_of_lines_ending_with_ellipsis)
    }),
    rule("dolma_median_word_length", "Dolma: median length of words", |view| {
        Value::Real(dolma(view).median_word_length)
    }),
    rule("dolma_stop_words", "Dolma: occurrences of Gopher's eight stop words", |view| {
        count(dolma(view).required_word_count)
    }),
    rule(
        "dolma_symbol_to_word_ratio",
        "Dolma: share of words with a hash or an ellipsis",
        |view| Value::Real(dolma(view).symbol_to_word_ratio),
    ),
    rule("dolma_top_2gram", TOP, |view| of_n(top(view), 2)),
    rule("dolma_top_3gram", TOP, |view| of_n(top(view), 3)),
    rule("dolma_top_4gram", TOP, |view| of_n(top(view), 4)),
    rule("dolma_word_count", "Dolma: words, separated by blanks", |view| {
        count(dolma(view).word_count)
    }),
    rule(
        "fineweb_quality",
        "FineWeb (Penedo et al. 2024): line ends, short lines, repeated characters, list share",
        |view| verdict(fineweb::quality(view.text())),
    ),
    rule(
        "gopher_quality",
        "Gopher (Rae et al. 2021) by datatrove's gopher_quality_filter.py",
        |view| verdict(gopher::quality(view.text())),
    ),
    rule(
        "gopher_repetition",
        "Gopher (Rae et al. 2021) by datatrove's gopher_repetition_filter.py",
        |view| verdict(gopher::repetition(view.text())),
    ),
];

const DUPLICATES: &str = "Dolma: share of characters in repeated n-grams";
const TOP: &str = "Dolma: share of characters in all copies of the most frequent n-gram";

const fn rule(name: &'static str, about: &'static str, of: fn(&mut View) -> Value) -> Signal {
    Signal { name, about, source: Source::Text, of: Of::Document(of) }
}

fn verdict(verdict: Verdict) -> Value {
    Value::Count(u64::from(verdict.is_ok()))
}

fn count(count: usize) -> Value {
    Value::Count(count as u64)
}

fn dolma<'v>(view: &'v mut View) -> &'v GopherAttributes {
    view.dolma()
}

fn duplicates<'v>(view: &'v mut View) -> &'v [(usize, f64)] {
    &view.dolma().fraction_of_characters_in_duplicate_ngrams
}

fn top<'v>(view: &'v mut View) -> &'v [(usize, f64)] {
    &view.dolma().fraction_of_characters_in_most_common_ngram
}

/// Returns the share for `n`; absent for a text of fewer words.
fn of_n(shares: &[(usize, f64)], n: usize) -> Value {
    shares.iter().find(|share| share.0 == n).map(|share| share.1).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, Keep, Lists, Scratch, find};

    /// Prose that passes Gopher's and DCLM's tests of quality.
    const PROSE: &str = "The keeper of the lamp went down to the harbour with the first light and \
        wrote the hour of the tide that he had seen in the book. There were boats that would have \
        to be on the water before noon, and others that lay with torn sails behind the wall and \
        waited for the smith to mend what the storm had broken.";

    fn holds(expression: &str, text: &str) -> bool {
        let (lists, mut scratch, facts) = (Lists::default(), Scratch::default(), Facts::default());
        let keep = Keep::new(expression, &lists).expect("an expression");
        keep.holds(&mut View::new(text, &facts, &lists, &mut scratch))
    }

    #[test]
    fn rules_decide_in_expressions() {
        assert!(holds("gopher_quality == 1 and dclm_quality == 1", PROSE));
        assert!(holds("gopher_quality == 0 and dclm_quality == 0", "one two three"));
        assert!(holds("gopher_repetition == 0", &"one two three\n".repeat(50)));
        assert!(holds("fineweb_quality == 0", "no end\nof a line\n"));
        assert!(holds("c4_paragraphs == 0 and c4_quality == 0", "lorem ipsum."));
        assert!(holds("c4_paragraphs == 1", &format!("{}\n", "a".repeat(200)).repeat(3)));
    }

    #[test]
    fn dolmas_numbers_are_those_of_its_attributes() {
        assert!(holds("dolma_word_count == 63 and dolma_char_count > 300", PROSE));
        assert!(holds("dolma_stop_words >= 15 and dolma_frac_alpha_words == 1", PROSE));
        let lines = ["one two three"; 4].join("\n");
        assert!(holds("dolma_frac_dupe_lines > 0.9 and dolma_dupe_5grams > 0.5", &lines));
        // A text of two words has no n-gram of three: the value is absent.
        assert!(!holds("dolma_top_3gram >= 0 or dolma_top_3gram < 0", "two words"));
    }

    #[test]
    fn names_are_sorted_and_found() {
        assert!(RULES.is_sorted_by(|a, b| a.name < b.name));
        assert!(RULES.iter().all(|rule| find(rule.name).is_some_and(|r| r.name == rule.name)));
    }

    /// Returns the tables of docs/signals.md for the tables of the program.
    fn table() -> String {
        let row = |signal: &crate::Signal| {
            let needs = signal.missing(&Lists::default()).unwrap_or("");
            format!("| `{}` | {} | {needs} |\n", signal.name, signal.about.replace('|', "\\|"))
        };
        let head = "| name | value | needs |\n|---|---|---|\n";
        let rows = |signals: &[crate::Signal]| signals.iter().map(row).collect::<String>();
        format!(
            "## RedPajama-V2's signals\n\n{head}{}\n## Published rules\n\n{head}{}",
            rows(&crate::SIGNALS),
            rows(&RULES)
        )
    }

    /// After a change of a signal, `SLUICE_WRITE_DOCS=1 cargo test -p signals` rewrites the page.
    #[test]
    fn the_page_of_signals_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/signals.md");
        let page = std::fs::read_to_string(path).expect("docs/signals.md");
        let (head, _) = page.split_once("## RedPajama-V2's signals").expect("the first table");
        let expected = format!("{head}{}", table());
        if std::env::var_os("SLUICE_WRITE_DOCS").is_some() {
            std::fs::write(path, &expected).expect("written");
        }
        let page = std::fs::read_to_string(path).expect("docs/signals.md");
        assert!(page == expected, "docs/signals.md is out of date");
    }
}
