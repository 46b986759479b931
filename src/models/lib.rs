//! Trained models: reads and runs every kind of model file that the recipes use. Model files are
//! not trusted and are checked as they are read.
//!
//! * [`fasttext`]: fastText's supervised models.
//! * [`language`]: language identification, by a fastText model or a built-in identifier.
//! * [`wikiref`]: RedPajama's quality classifier, based on a fastText model.
//! * [`kenlm`]: KenLM's n-gram models, in all their forms.
//! * [`sentencepiece`]: SentencePiece's models, of every kind.
//! * [`Perplexity`]: a folder of both, and the perplexity of a document as CCNet computes it.
//! * [`bucket`]: CCNet's head, middle and tail.
//! * [`tokenizer`]: token counts with any `tokenizer.json`.
//!
//! Upstream: facebookresearch/fastText, facebookresearch/cc_net (`cc_net/perplexity.py`),
//! kpu/kenlm, google/sentencepiece, huggingface/tokenizers.

mod bucket;
mod error;
pub mod fasttext;
pub mod kenlm;
pub mod language;
mod perplexity;
mod reader;
pub mod sentencepiece;
pub mod tokenizer;
pub mod wikiref;

#[cfg(test)]
mod golden;

pub use bucket::{Bucket, bucket};
pub use error::ModelError;
pub use perplexity::{Perplexity, Scratch, perplexity};
