//! Repetition within a text (RedPajama-V2, `core/quality_signals/repetitions.py`), in characters of
//! normalized words.

use crate::signal::{Of, Signal, Source};
use crate::value::Value;
use crate::view::View;

/// The 2-gram that occurs most often.
pub const TOP_2GRAM: Signal = Signal {
    name: "rps_doc_frac_chars_top_2gram",
    about: "share of characters in all copies of the most frequent 2-gram of words",
    source: Source::Text,
    of: Of::Document(top::<0>),
};

/// The 3-gram that occurs most often.
pub const TOP_3GRAM: Signal = Signal {
    name: "rps_doc_frac_chars_top_3gram",
    about: "share of characters in all copies of the most frequent 3-gram of words",
    source: Source::Text,
    of: Of::Document(top::<1>),
};

/// The 4-gram that occurs most often.
pub const TOP_4GRAM: Signal = Signal {
    name: "rps_doc_frac_chars_top_4gram",
    about: "share of characters in all copies of the most frequent 4-gram of words",
    source: Source::Text,
    of: Of::Document(top::<2>),
};

/// 5-grams that occur more than once.
pub const DUPE_5GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_5grams",
    about: "share of characters in 5-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<0>),
};

/// 6-grams that occur more than once.
pub const DUPE_6GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_6grams",
    about: "share of characters in 6-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<1>),
};

/// 7-grams that occur more than once.
pub const DUPE_7GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_7grams",
    about: "share of characters in 7-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<2>),
};

/// 8-grams that occur more than once.
pub const DUPE_8GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_8grams",
    about: "share of characters in 8-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<3>),
};

/// 9-grams that occur more than once.
pub const DUPE_9GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_9grams",
    about: "share of characters in 9-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<4>),
};

/// 10-grams that occur more than once.
pub const DUPE_10GRAMS: Signal = Signal {
    name: "rps_doc_frac_chars_dupe_10grams",
    about: "share of characters in 10-grams of words that occur more than once",
    source: Source::Text,
    of: Of::Document(repeated::<5>),
};

/// All overlapping copies count, so the share can exceed 1.
fn top<const AT: usize>(view: &mut View) -> Value {
    let chars = view.repetition().top[AT];
    Value::ratio_or_zero(chars, view.word_chars())
}

fn repeated<const AT: usize>(view: &mut View) -> Value {
    let chars = view.repetition().repeated[AT];
    Value::ratio_or_zero(chars, view.word_chars())
}
