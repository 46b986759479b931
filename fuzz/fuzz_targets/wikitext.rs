//! Any text as wikitext: cleaning does not panic, and takes a bounded number of steps.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| {
    let page = String::from_utf8_lossy(page);
    for language in ["en", "sr"] {
        if let Ok(text) = wikitext::plain_text(&page, language) {
            // Sections are joined by two line ends, and an entity can be shorter than its character.
            assert!(text.len() <= page.len() * 3, "{} of {}", text.len(), page.len());
        }
    }
});
