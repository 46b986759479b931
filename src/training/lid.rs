//! Language identification: a fastText model whose labels are languages.
//!
//! Upstream: fastText's `lid.176`. The settings are those in the head of `lid.176.ftz`; which
//! learning rate it had is not written anywhere.

use crate::supervised::{Loss, Options, Quantization};

/// Settings for a model of languages, for [`crate::supervised::Trainer`]: runs of 2 to 4 characters,
/// vectors of 16, hierarchical softmax. Words seen fewer than 1,000 times are left out in `lid.176`,
/// which saw 30 million sentences; with less text set less.
pub fn options() -> Options {
    Options {
        dimension: 16,
        char_ngrams: (2, 4),
        loss: Loss::HierarchicalSoftmax,
        word_count_min: 1000,
        ..Options::default()
    }
}

/// How `lid.176.bin` became `lid.176.ftz`, as fastText's documentation has it: `-qnorm -retrain
/// -cutoff 50000`.
pub fn quantization() -> Quantization {
    Quantization { features_max: 50_000, retrain: true, norms: true, weights_per_code: 2 }
}
