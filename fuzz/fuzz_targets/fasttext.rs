//! Any bytes as a model of fastText: opening it does not panic, and an open model returns
//! probabilities.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::fasttext::FastText;

const TEXT: &str = "A page of some words,\nand a word or two more; naïve ones, 漢字 too.";

fuzz_target!(|file: &[u8]| {
    let Ok(model) = shared::read(file, FastText::open) else { return };
    for text in [TEXT, "", "page"] {
        for (label, probability) in model.predict(text, 3) {
            assert!(label.len() <= file.len());
            assert!(!probability.is_nan() || file.len() > 60, "{label}: {probability}");
        }
    }
});
