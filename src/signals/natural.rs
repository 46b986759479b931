//! Similarity of a text to natural language (RedPajama-V2,
//! `core/quality_signals/natural_language.py`).

use crate::signal::{Of, Signal, Source};
use crate::value::{Value, round8};
use crate::view::View;
use memchr::memmem;
use text::unicode::{WORD, class};

/// Sentences.
pub const NUM_SENTENCES: Signal = Signal {
    name: "rps_doc_num_sentences",
    about: "sentences: parts between . ! ? that have a letter or digit",
    source: Source::Text,
    of: Of::Document(|view| Value::Real(sentences(view.text()) as f64)),
};

/// Normalized words.
pub const WORD_COUNT: Signal = Signal {
    name: "rps_doc_word_count",
    about: "words, after normalization",
    source: Source::Text,
    of: Of::Document(|view| Value::Count(view.words().len() as u64)),
};

/// Mean number of characters in a word.
pub const MEAN_WORD_LENGTH: Signal = Signal {
    name: "rps_doc_mean_word_length",
    about: "mean length of words, after normalization",
    source: Source::Text,
    of: Of::Document(|view| Value::ratio(view.word_chars(), view.words().len())),
};

/// `#` and ellipses per raw word.
pub const SYMBOL_TO_WORD_RATIO: Signal = Signal {
    name: "rps_doc_symbol_to_word_ratio",
    about: "# and ellipses (... and …) per word",
    source: Source::Text,
    of: Of::Document(|view| Value::ratio(symbols(view.text()), view.raw_words().count)),
};

/// Lines that end with an ellipsis.
pub const FRAC_LINES_END_WITH_ELLIPSIS: Signal = Signal {
    name: "rps_doc_frac_lines_end_with_ellipsis",
    about: "share of lines that end with ... or …",
    source: Source::Text,
    of: Of::Document(|view| Value::ratio(ellipsis_lines(view), view.lines().len())),
};

/// Raw words without an ASCII letter.
pub const FRAC_NO_ALPH_WORDS: Signal = Signal {
    name: "rps_doc_frac_no_alph_words",
    about: "share of words without a letter a-z; each run of punctuation is a word",
    source: Source::Text,
    of: Of::Document(|view| no_letter_share(view)),
};

/// Distinct normalized words.
pub const FRAC_UNIQUE_WORDS: Signal = Signal {
    name: "rps_doc_frac_unique_words",
    about: "distinct words per word, after normalization",
    source: Source::Text,
    of: Of::Document(|view| {
        let distinct = view.vocabulary().counts().len();
        Value::ratio(distinct, view.words().len())
    }),
};

/// Entropy of the normalized words.
pub const UNIGRAM_ENTROPY: Signal = Signal {
    name: "rps_doc_unigram_entropy",
    about: "entropy of the distribution of words, in nats",
    source: Source::Text,
    of: Of::Document(entropy),
};

/// Raw words in capitals.
pub const FRAC_ALL_CAPS_WORDS: Signal = Signal {
    name: "rps_doc_frac_all_caps_words",
    about: "share of words in capitals; each run of punctuation is a word",
    source: Source::Text,
    of: Of::Document(|view| {
        let words = view.raw_words();
        Value::ratio(words.upper, words.count)
    }),
};

/// Counts the matches of `\b[^.!?]+[.!?]*`. A match begins at the first word boundary after the
/// previous match, which is the beginning of a word, and extends past the next marks. So each part
/// without marks that has a word character is one match.
fn sentences(text: &str) -> usize {
    let has_word = |stretch: &str| stretch.chars().any(|c| class(c) & WORD != 0);
    let mut start = 0;
    let mut count = 0;
    for mark in memchr::memchr3_iter(b'.', b'!', b'?', text.as_bytes()) {
        count += usize::from(has_word(&text[start..mark]));
        start = mark + 1;
    }
    count + usize::from(has_word(&text[start..]))
}

fn symbols(text: &str) -> usize {
    let hashes = memchr::memchr_iter(b'#', text.as_bytes()).count();
    let dots = memmem::find_iter(text.as_bytes(), "...").count();
    hashes + dots + memmem::find_iter(text.as_bytes(), "…").count()
}

fn ellipsis_lines(view: &View) -> usize {
    let ends = |line: &str| line.ends_with("...") || line.ends_with('…');
    let lines = view.lines().iter().map(|line| view.raw_line(line));
    lines.filter(|line| ends(line.trim_end_matches(text::python::is_space))).count()
}

fn no_letter_share(view: &View) -> Value {
    let words = view.raw_words();
    if words.count == 0 {
        return Value::Absent;
    }
    // Not the share of the other words: upstream subtracts, and rounds the difference.
    Value::Real(round8(1.0 - words.with_letter as f64 / words.count as f64))
}

fn entropy(view: &mut View) -> Value {
    let total = view.words().len() as f64;
    if total == 0.0 {
        return Value::Absent;
    }
    let of = |count: usize| {
        let share = count as f64 / total;
        -share * share.ln()
    };
    // Most words of a text occur a few times, so these logarithms are computed once.
    let few: [f64; 16] = std::array::from_fn(of);
    let terms =
        view.vocabulary().counts().map(|count| few.get(count).copied().unwrap_or(of(count)));
    Value::Real(round8(terms.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Follows the regular expression step by step.
    fn sentences_step_by_step(text: &str) -> usize {
        let chars: Vec<char> = text.chars().collect();
        let is_word = |at: Option<usize>| {
            at.and_then(|at| chars.get(at)).is_some_and(|c| class(*c) & WORD != 0)
        };
        let is_mark = |at: usize| matches!(chars[at], '.' | '!' | '?');
        let (mut at, mut count) = (0, 0);
        while at < chars.len() {
            if is_mark(at) || is_word(at.checked_sub(1)) == is_word(Some(at)) {
                at += 1;
                continue;
            }
            count += 1;
            while at < chars.len() && !is_mark(at) {
                at += 1;
            }
            while at < chars.len() && is_mark(at) {
                at += 1;
            }
        }
        count
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn sentences_are_the_matches_of_upstreams_expression(text in "([a_ .!?,\n]|é|\u{301}){0,20}") {
            prop_assert_eq!(sentences(&text), sentences_step_by_step(&text));
        }
    }
}
