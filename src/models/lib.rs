//! What does a trained model say of a text? Readers and runners of every kind of model file that
//! the recipe uses. A model file may be damaged or hostile: it is checked as it is read.
//!
//! * [`fasttext`]: fastText's supervised models.
//! * [`language`]: the language of a text, by such a model or by a built-in one.
//! * [`wikiref`]: RedPajama's quality classifier, on top of a fastText model.
//! * [`kenlm`]: KenLM's n-gram models, in all their forms.
//! * [`sentencepiece`]: SentencePiece's unigram models.
//! * [`Perplexity`]: a folder of both, and the perplexity of a document as CCNet measures it.
//! * [`bucket`]: CCNet's head, middle and tail.
//! * [`tokenizer`]: token counts by any `tokenizer.json`.
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
