//! The record that every slice speaks: a [`Document`], where it stands ([`DocRef`]), and why it
//! was turned away ([`Reason`]). Depends on nothing of this project.

mod meta;
mod reference;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub use meta::{Meta, Value};
pub use reference::DocRef;

/// The dataflow's time. An epoch covers a consecutive range of [`DocRef`]s, so references never
/// go back in time; how much it covers is free, and never shows in the corpus.
pub type Epoch = u64;

/// Why a document is not in the corpus: a word for the funnel, such as `too_short`.
pub type Reason = Cow<'static, str>;

/// The language of a text, with the share of certainty its identifier gives, 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// ISO 639-1 where there is one, else 639-3, as fastText's lid.176 names them: `en`, `arz`.
    pub code: String,
    /// Between 0 and 1.
    pub score: f64,
}

/// One unit of text on its way through a slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Where it stands in the order of precedence.
    pub at: DocRef,
    /// Byte of its source file at which its record begins (for gzip: its member).
    pub offset: u64,
    /// Where it was found, or empty.
    pub url: String,
    /// The text. Empty once the document is turned away.
    pub text: String,
    /// Size of the text as read, in bytes.
    pub bytes_read: u64,
    /// 128-bit digest of the text as read; two documents with one digest are the same text.
    pub digest: u128,
    /// Paragraphs as read, and those of them cut as repeats.
    pub paragraphs: Paragraphs,
    /// Set by the language step.
    pub language: Option<Language>,
    /// What models find in the text.
    pub scores: Scores,
    /// What else the slice publishes, in the order of its record.
    pub meta: Meta,
    /// Why it was turned away; `None` while it is kept.
    pub verdict: Option<Reason>,
}

/// What models find in one document's text; `None` where no model was asked, or it had no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Under the model of its language.
    pub perplexity: Option<f64>,
    /// Where that stands among pages of the language.
    pub bucket: Option<Cow<'static, str>>,
    /// Likeness to good pages, by the slice's classifier: 0 to 1.
    pub quality: Option<f64>,
    /// Of the corpus's tokenizer.
    pub tokens: Option<u64>,
    /// Quality signals that the recipe asks for, by name.
    pub signals: Vec<(Cow<'static, str>, f64)>,
}

/// Counts of one document's paragraphs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paragraphs {
    /// Paragraphs before deduplication.
    pub read: u32,
    /// Of these, paragraphs cut because they repeat an earlier one.
    pub duplicate: u32,
}

impl Document {
    /// Still part of the corpus.
    pub fn is_kept(&self) -> bool {
        self.verdict.is_none()
    }

    /// Turns the document away. Its text goes at once: nobody reads it again.
    pub fn reject(&mut self, reason: impl Into<Reason>) {
        debug_assert!(self.is_kept(), "a document is turned away once");
        self.verdict = Some(reason.into());
        self.text = String::new();
    }

    /// Length of the text in characters (code points), as Python's `len` counts them.
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }
}
