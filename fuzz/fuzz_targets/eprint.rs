//! Any bytes as an archive of papers, cleaned in both ways: nothing panics, papers are in order, and
//! texts are no longer than macros may make them.

#![no_main]

use formats::eprint::Want;
use latex::{TexFile, better, redpajama};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let path = shared::stored("arXiv_src_0704_001.tar", input);
    let mut offset = 0;
    let wanted = |name: &str| if better::reads(name) { Want::Always } else { Want::IfSmall };
    for eprint in formats::eprint::open(&path, wanted).expect("a file").flatten() {
        assert!(offset <= eprint.offset && eprint.offset <= input.len() as u64);
        offset = eprint.offset;
        let files = eprint.files.into_iter().flatten();
        clean(&files.map(|f| TexFile { name: f.name, bytes: f.bytes }).collect::<Vec<_>>());
    }
    // Without an archive, inputs reach the rules sooner.
    let parts = input.split(|byte| *byte == 0).enumerate();
    let file = |(number, bytes): (usize, &[u8])| TexFile {
        name: format!("{}.tex", ["main", "a", "b", "c"][number % 4]),
        bytes: bytes.to_vec(),
    };
    clean(&parts.take(4).map(file).collect::<Vec<_>>());
});

fn clean(files: &[TexFile]) {
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    if let Ok(text) = better::clean(files, &[]).text {
        assert!(!text.is_empty() && text.len() <= 70 * bytes + (17 << 20));
    }
    let _ = redpajama::clean(files);
}
