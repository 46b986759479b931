//! Any text as the text of a licence: identification does not panic, and reports each licence once.
//! Comparing a text with all licences takes milliseconds, so this target is slow.

#![no_main]

use code::statement::Gathering;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut gathering = Gathering::default();
    gathering.add("LICENSE", text.as_bytes());
    let found = gathering.finish().of_file("main.c", "");
    assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]), "{found:?}");
});
