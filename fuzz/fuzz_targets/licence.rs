//! Any text as that of a licence: finding which does not panic, and finds each once. Comparing a
//! text with all licences takes milliseconds, so this target is slow.

#![no_main]

use code::licence::licences;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let found = licences(text);
    assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]), "{found:?}");
});
