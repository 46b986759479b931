//! Any text as HTML: conversion does not panic, and the text is not longer than the input allows.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let text = threads::clean(html);
    // A NUL becomes three bytes; no reference is shorter than a third of its value.
    assert!(text.len() <= 3 * html.len(), "{} bytes out of {}", text.len(), html.len());
});
