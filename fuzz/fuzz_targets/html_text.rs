//! Any text as HTML: it does not panic, and no text comes out that did not go in.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let text = threads::clean(html);
    // A NUL becomes three bytes; no reference is shorter than a third of what it stands for.
    assert!(text.len() <= 3 * html.len(), "{} bytes out of {}", text.len(), html.len());
});
