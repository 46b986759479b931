//! Any bytes as a file of Project Gutenberg: it does not panic, and the book is a part of the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use text::gutenberg::{book, decode};

fuzz_target!(|file: &[u8]| {
    let Some(text) = decode(file) else { return };
    let book = book(&text);
    assert!(text.contains(book.text), "the book is no part of its file");
    assert!(book.fields.iter().all(|(_, value)| value.len() <= text.len()));
});
