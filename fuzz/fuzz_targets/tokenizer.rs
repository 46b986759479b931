//! Any bytes as a `tokenizer.json`: opening it and counting with it do not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use models::tokenizer::TokenCounter;

fuzz_target!(|file: &[u8]| {
    let _catching = shared::Catching::new();
    let Ok(counter) = shared::read(file, TokenCounter::open) else { return };
    for text in ["the cat sat on the mat", "", " ﬁ naïve \u{0} 漢字\u{301}\n"] {
        let _ = counter.count(text);
    }
});
