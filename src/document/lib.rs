//! The record that all slices share: a [`Document`], its position ([`DocRef`]), and the [`Reason`]
//! for which it was rejected. Depends on no other crate of this project.

mod contamination;
mod lines;
mod meta;
mod reference;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub use contamination::{CONTAMINATED, Contamination, Outcome};
pub use lines::lines;
pub use meta::{Meta, Value};
pub use reference::DocRef;

/// The dataflow's time. An epoch covers a consecutive range of [`DocRef`]s, so references never go
/// back in time. The size of the range is arbitrary and does not affect the corpus.
pub type Epoch = u64;

/// Why a document is not in the corpus: a word for the funnel, such as `too_short`.
pub type Reason = Cow<'static, str>;

/// The language of a text, with the identifier's confidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// ISO 639-1 if it has one, else 639-3, as in fastText's lid.176: `en`, `arz`.
    pub code: String,
    /// Between 0 and 1.
    pub score: f64,
}

/// One unit of text on its way through a slice.
///
/// ```
/// use document::{DocRef, Document};
///
/// let at = DocRef::new(0, 3, 41);
/// let mut page = Document { at, text: "Grüße".to_owned(), ..Document::default() };
/// assert_eq!(page.chars(), 5);
///
/// page.reject("too_short");
/// assert!(!page.is_kept());
/// assert_eq!(page.verdict.as_deref(), Some("too_short"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Its position in the order of precedence.
    pub at: DocRef,
    /// Offset of its record in its source file, in bytes (for gzip, of its member).
    pub offset: u64,
    /// The address where it was found, or empty.
    pub url: String,
    /// The number that its site gives it, where it stays when the address changes: a wiki's pages.
    pub page: Option<u64>,
    /// The text. Empty once the document is rejected.
    pub text: String,
    /// Size of the text as read, in bytes.
    pub bytes_read: u64,
    /// 128-bit digest of the text as read; two documents with one digest are the same text.
    pub digest: u128,
    /// Number of paragraphs as read, and of those cut as repeats.
    pub paragraphs: Paragraphs,
    /// Set by the language step.
    pub language: Option<Language>,
    /// What models report about the text.
    pub scores: Scores,
    /// Other values that the slice publishes, in the order of its record.
    pub meta: Meta,
    /// Why it was rejected; `None` while it is kept.
    pub verdict: Option<Reason>,
    /// What it has of evaluations, if anything.
    pub contamination: Option<Box<Contamination>>,
    /// The document because of which it was rejected, if it is near to one.
    pub witness: Option<Witness>,
}

/// A document that is kept and near to one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// Its position.
    pub at: DocRef,
    /// How similar they are, 0 to 1, if that was computed.
    pub similarity: Option<f64>,
}

/// What models report about one document's text. `None` if there is no such model, or it has no
/// result for the text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Perplexity under the language model of its language.
    pub perplexity: Option<f64>,
    /// Bucket of the perplexity among pages of the language.
    pub bucket: Option<Cow<'static, str>>,
    /// Score of the slice's quality classifier, 0 to 1.
    pub quality: Option<f64>,
    /// Number of tokens by the corpus's tokenizer.
    pub tokens: Option<u64>,
    /// Quality signals that the recipe requests, by name.
    pub signals: Vec<(Cow<'static, str>, f64)>,
}

/// Counts of one document's paragraphs, added up over the steps that compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paragraphs {
    /// Paragraphs before deduplication.
    pub read: u32,
    /// Of these, paragraphs cut because they repeat an earlier one.
    pub duplicate: u32,
}

impl Document {
    /// Whether the document is still part of the corpus.
    pub fn is_kept(&self) -> bool {
        self.verdict.is_none()
    }

    /// Rejects the document and drops its text, which is not read again.
    pub fn reject(&mut self, reason: impl Into<Reason>) {
        debug_assert!(self.is_kept(), "a document is rejected only once");
        self.verdict = Some(reason.into());
        self.text = String::new();
    }

    /// Notes what the document has of evaluations. Its text and its fields stay as they are; it counts
    /// as rejected if that is the outcome.
    pub fn contaminate(&mut self, contamination: Contamination) {
        debug_assert!(self.is_kept(), "a rejected document is not looked at");
        if contamination.outcome == Outcome::Dropped {
            self.verdict = Some(CONTAMINATED.into());
        }
        self.contamination = Some(Box::new(contamination));
    }

    /// Returns the length of the text in characters (code points), as Python's `len`.
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }
}
