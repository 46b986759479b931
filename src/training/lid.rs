//! Language identification: a fastText model whose labels are languages.
//!
//! Upstream: fastText's `lid.176`. The settings are those in the header of `lid.176.ftz`; its
//! learning rate is not published.

use crate::supervised::{Loss, Options, Quantization};

/// Settings of [`crate::supervised::Trainer`] for language identification: character n-grams of 2 to
/// 4, vectors of 16, hierarchical softmax. `lid.176`, trained on 30 million sentences, omits words
/// seen fewer than 1,000 times; set a lower number for less text.
pub fn options() -> Options {
    Options {
        dimension: 16,
        char_ngrams: (2, 4),
        loss: Loss::HierarchicalSoftmax,
        word_count_min: 1000,
        ..Options::default()
    }
}

/// The settings by which `lid.176.bin` became `lid.176.ftz`, from fastText's documentation: `-qnorm
/// -retrain -cutoff 50000`.
pub fn quantization() -> Quantization {
    Quantization { features_max: 50_000, retrain: true, norms: true, weights_per_code: 2 }
}
