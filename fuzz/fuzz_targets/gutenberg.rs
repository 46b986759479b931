//! Any bytes as a file of Project Gutenberg: its encoding is detected or it is rejected, and the book
//! is no longer than its file.

#![no_main]

use formats::encoding::decode;
use libfuzzer_sys::fuzz_target;
use text::gutenberg::{book, declared_encoding};

fuzz_target!(|file: &[u8]| {
    let Ok(decoded) = decode(file, declared_encoding(file).as_deref()) else { return };
    let book = book(&decoded.text);
    assert!(book.text.len() <= decoded.text.len(), "the book is longer than its file");
});
