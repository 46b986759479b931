//! Any bytes as an archive of repositories: reading it does not panic, and every file belongs to a
//! repository. An input is an archive, or lines of names and contents that are packed into one.

#![no_main]

use code::path;
use code::repository::files;
use formats::files::{Content, archive};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|input: &[u8]| {
    let bytes = match input.split_first() {
        Some((b'\n', lines)) => packed(lines),
        _ => input.to_vec(),
    };
    // To compare a text with all licences takes milliseconds, so it is done rarely.
    if input.len() % 64 > 0 && shared::read(&bytes, states_licence) {
        return;
    }
    let found = shared::read(&bytes, files).expect("the file is there");
    for file in found.flatten() {
        if let Content::Bytes(content) = &file.file.content {
            let path = &file.file.path;
            assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".."), "{path}");
            assert!(content.len() <= 1000 * bytes.len());
        }
    }
});

fn states_licence(path: &Path) -> bool {
    let files = archive(path).expect("the file is there").flatten();
    let mut names = files.map(|file| file.path);
    names.any(|name| path::states_licence(name.rsplit('/').next().unwrap_or_default()))
}

/// A tar archive of files: each line is a name, a tab and the content.
fn packed(lines: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').take(20) {
        let cut = line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len());
        let (name, content) = (&line[..cut.min(100)], line.get(cut + 1..).unwrap_or_default());
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name);
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend(header);
        archive.extend(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive
}
