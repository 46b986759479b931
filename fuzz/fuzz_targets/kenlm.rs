//! Any bytes as a model of KenLM, in ARPA or one of its binary forms: opening it does not panic, and
//! an open model scores any words.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::kenlm::Model;

fuzz_target!(|file: &[u8]| {
    let Ok(model) = shared::read(file, Model::open) else { return };
    let words = ["<s>", "the", "a", "of", "the", "no-such-word", "</s>"];
    let words: Vec<u32> = words.iter().map(|word| model.word(word.as_bytes())).collect();
    assert!(model.order() <= 10);
    model.score(&words);
    model.score(&[]);
});
