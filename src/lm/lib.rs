//! Perplexity as CCNet measures it: how well a page is foretold by a language model of Wikipedia.
//! The text is cut into pieces by SentencePiece, the pieces are scored by KenLM, and the language's
//! percentiles make a bucket of the result.
//!
//! * [`kenlm`]: KenLM's models, read in all their forms and scored as KenLM scores them.
//! * [`sentencepiece`]: SentencePiece's unigram models, with the pieces that it gives.
//! * [`Perplexity`]: a folder of both, and the perplexity of a document.
//! * [`bucket`]: head, middle, tail or all.
//!
//! Upstream: facebookresearch/cc_net, `cc_net/perplexity.py`, kpu/kenlm and google/sentencepiece.

mod bucket;
mod error;
pub mod kenlm;
mod perplexity;
pub mod sentencepiece;

#[cfg(test)]
mod golden;

pub use bucket::{Bucket, bucket};
pub use error::ModelError;
pub use perplexity::{Perplexity, Scratch, perplexity};

/// How property tests run. They keep no record of failures: proptest would write it to a folder
/// beside this crate, which Cargo would take for a member of the workspace.
#[cfg(test)]
fn property() -> proptest::test_runner::Config {
    proptest::test_runner::Config { failure_persistence: None, ..Default::default() }
}
