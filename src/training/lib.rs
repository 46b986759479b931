//! The models that a recipe needs, trained from text.
//!
//! * [`lm`]: n-gram language models, as KenLM's `lmplz` estimates them.
//! * [`pieces`]: SentencePiece models that cut text into pieces of words.
//! * [`classifier`]: the classifier of pages by Wikipedia's references.
//! * [`lid`]: models of languages.
//! * [`supervised`]: fastText models with any labels, of which these two are kinds.
//!
//! A model depends on the text, the options and their seed alone: not on memory, temporary files or
//! the number of cores, but see [`supervised`]. It is written beside its path and renamed when it is whole.

pub mod classifier;
mod error;
pub mod lid;
pub mod lm;
pub mod pieces;
mod strings;
pub mod supervised;

pub use error::TrainingError;

/// How far a long stage is. Reported a few times a second at most, in the thread that trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for a person: `counting n-grams`.
    pub stage: &'static str,
    /// Units done of this stage.
    pub done: u64,
    /// Units of this stage, where they are known before its end.
    pub total: Option<u64>,
}

/// How property tests run. They keep no record of failures: proptest would write it to a folder
/// beside this crate, which Cargo would take for a member of the workspace.
#[cfg(test)]
fn property() -> proptest::test_runner::Config {
    proptest::test_runner::Config { failure_persistence: None, ..Default::default() }
}
