//! Training of the models that a recipe needs.
//!
//! * [`lm`]: n-gram language models, as KenLM's `lmplz` estimates them.
//! * [`pieces`]: SentencePiece models that cut text into pieces of words.
//! * [`classifier`]: the classifier of pages by Wikipedia's references.
//! * [`lid`]: models for language identification.
//! * [`supervised`]: fastText models with any labels; these two are special cases.
//!
//! A model depends only on the text, the options and their seed: not on memory, temporary files or
//! the number of cores, but see [`supervised`]. It is written next to its path and renamed when it is
//! complete.

pub mod classifier;
mod error;
pub mod lid;
pub mod lm;
pub mod pieces;
mod strings;
pub mod supervised;

pub use error::TrainingError;

/// Progress of a long stage, reported at most a few times a second in the training thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Name of the stage, for display: `counting n-grams`.
    pub stage: &'static str,
    /// Units done of this stage.
    pub done: u64,
    /// Units of this stage, if known before its end.
    pub total: Option<u64>,
}
