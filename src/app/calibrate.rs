//! Choosing a threshold from the ledger, and moving it in a corpus.
//!
//! RedPajama chose 0.25 so that CommonCrawl has as many tokens as in LLaMA's table (paper, table
//! 10). The ledger has the scores of every document that got that far, kept or not, so a threshold
//! can be chosen without reading any text.
//!
//! - [`score`]: what a threshold can be on.
//! - [`curve`]: what each threshold keeps.
//! - [`apply`]: the corpus with another threshold.

pub(crate) mod apply;
pub(crate) mod curve;
pub(crate) mod score;
