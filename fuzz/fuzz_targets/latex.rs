//! Any bytes as the files of a paper, separated by NULs: cleaning them in both ways does not panic, and
//! the text is no longer than macros may make it.

#![no_main]

use latex::{TexFile, better, redpajama};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = |(number, bytes): (usize, &[u8])| TexFile {
        name: format!("{}.tex", ["main", "a", "b", "c"][number % 4]),
        bytes: bytes.to_vec(),
    };
    let parts = input.split(|byte| *byte == 0).enumerate();
    let files: Vec<TexFile> = parts.take(4).map(file).collect();
    if let Ok(text) = better::clean(&files, &[]).text {
        assert!(!text.is_empty() && text.len() <= 70 * input.len() + (17 << 20));
    }
    let _ = redpajama::clean(&files);
});
