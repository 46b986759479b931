//! Quality signals, published quality rules, and filter expressions over them.
//!
//! * [`SIGNALS`]: the 45 signals of RedPajama-V2, with one file per family. A new signal is a
//!   constant in its family's file and a row in that table.
//! * [`View`]: a document prepared for its signals, in reused memory.
//! * [`Lists`]: stop words, bad words, domains and models from the user's files.
//! * [`Facts`]: results of earlier steps and models.
//! * [`rules`]: the rules of C4, Gopher, FineWeb, Dolma and DCLM, as upstream applies them.
//! * [`RULES`]: the same rules as signals, for expressions such as `gopher_quality == 1`.
//! * [`Keep`]: a filter expression such as `ccnet_perplexity < 340 and rps_doc_word_count > 50`.
//! * [`Bounds`]: the thresholds at the end of an expression, which can be moved without a text.
//!
//! ```
//! use signals::{Facts, Keep, Lists, SIGNALS, Scratch, View};
//!
//! let (lists, mut scratch) = (Lists::default(), Scratch::default());
//! let facts = Facts { perplexity: Some(300.0), language: Some("en"), ..Facts::default() };
//! let mut view = View::new("To be, or not to be.", &facts, &lists, &mut scratch);
//!
//! let words = SIGNALS.iter().find(|signal| signal.name == "rps_doc_word_count").unwrap();
//! assert_eq!(words.value(&mut view).number(), Some(6.0));
//!
//! let keep = Keep::new("ccnet_perplexity < 340 and rps_doc_word_count >= 6", &lists).unwrap();
//! assert!(keep.holds(&mut view));
//! ```

mod bound;
mod ccnet;
mod content;
mod domains;
mod error;
mod facts;
pub mod filter;
mod importance;
mod keep;
mod lines;
mod lists;
mod models;
mod natural;
mod ngrams;
mod repetition;
pub mod rules;
mod signal;
mod table;
mod trained;
mod value;
mod verdicts;
mod view;
mod vocabulary;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;

pub use bound::{Bound, Bounds, tightened};
pub use domains::Domains;
pub use error::ListError;
pub use facts::Facts;
pub use importance::WordCounts;
pub use keep::{Keep, KeepError};
pub use lists::{Lists, Phrases, WordSet};
pub use signal::{Signal, Source, Span};
pub use trained::{Collection, counts_file};
pub use value::Value;
pub use verdicts::RULES;
pub use view::{Scratch, View};

/// All signals, in the order of RedPajama-V2's output.
pub static SIGNALS: [Signal; 45] = [
    ccnet::LENGTH,
    ccnet::ORIGINAL_LENGTH,
    ccnet::NLINES,
    ccnet::ORIGINAL_NLINES,
    ccnet::LANGUAGE_SCORE,
    ccnet::PERPLEXITY,
    ccnet::BUCKET,
    content::CURLY_BRACKET,
    content::LDNOOBW_WORDS,
    content::LOREM_IPSUM,
    content::STOP_WORD_FRACTION,
    content::UT1_BLACKLIST,
    repetition::DUPE_10GRAMS,
    repetition::DUPE_5GRAMS,
    repetition::DUPE_6GRAMS,
    repetition::DUPE_7GRAMS,
    repetition::DUPE_8GRAMS,
    repetition::DUPE_9GRAMS,
    repetition::TOP_2GRAM,
    repetition::TOP_3GRAM,
    repetition::TOP_4GRAM,
    natural::FRAC_ALL_CAPS_WORDS,
    natural::FRAC_LINES_END_WITH_ELLIPSIS,
    natural::FRAC_NO_ALPH_WORDS,
    natural::FRAC_UNIQUE_WORDS,
    natural::MEAN_WORD_LENGTH,
    natural::NUM_SENTENCES,
    natural::SYMBOL_TO_WORD_RATIO,
    natural::UNIGRAM_ENTROPY,
    natural::WORD_COUNT,
    lines::ENDING_WITH_TERMINAL_PUNCTUATION_MARK,
    lines::JAVASCRIPT_COUNTS,
    lines::NUM_WORDS,
    lines::NUMERICAL_CHARS_FRACTION,
    lines::START_WITH_BULLETPOINT,
    lines::UPPERCASE_LETTER_FRACTION,
    models::PALM_SCORE,
    models::WIKIPEDIA_SCORE,
    models::WIKIREF_SCORE,
    models::BOOKS_IMPORTANCE,
    models::BOOKS_IMPORTANCE_LENGTH_CORRECTION,
    models::OPENWEBTEXT_IMPORTANCE,
    models::OPENWEBTEXT_IMPORTANCE_LENGTH_CORRECTION,
    models::WIKIPEDIA_IMPORTANCE,
    models::WIKIPEDIA_IMPORTANCE_LENGTH_CORRECTION,
];

/// Returns the signal of that name from [`SIGNALS`] or [`RULES`].
pub fn find(name: &str) -> Option<&'static Signal> {
    SIGNALS.iter().chain(&RULES).find(|signal| signal.name == name)
}
