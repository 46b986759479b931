//! Any bytes as the manifest of a corpus: reading, verifying and exporting do not panic, and access
//! nothing outside the corpus. If a manifest has a checksum, it is corrected.

#![no_main]

use corpus::export::{Options, export};
use corpus::{Corpus, Depth};
use libfuzzer_sys::fuzz_target;
use std::fs;

fuzz_target!(|manifest: &[u8]| {
    let root = shared::path("corpus");
    if !root.is_dir() {
        Corpus::create(&root).expect("a folder");
        fs::write(root.join("recipe.toml"), "").expect("disk space");
    }
    fs::write(root.join("commits/000001.json"), summed(manifest)).expect("disk space");
    let corpus = Corpus::open(&root).expect("it has a manifest");
    let Ok(Some(manifest)) = corpus.manifest() else { return };
    // Nothing else on this machine may be read or written.
    let is_within =
        |name: &str| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    let labels = manifest.labels.iter().flat_map(|label| [&label.slice, &label.name]);
    let runs = manifest.state.values().flatten().map(|run| run.name.clone());
    if !labels.cloned().chain(runs).chain(manifest.files()).all(|name| is_within(&name)) {
        return;
    }
    let _ = corpus::verify(&corpus, &manifest, Depth::Everything, |_| {});
    let out = shared::path("out");
    let labels: Vec<_> = manifest.labels.iter().collect();
    let options = Options { workers: 1, ..Options::default() };
    let _ = export(&corpus, &labels, &out.as_path(), &options, &(), |_, _| String::new());
    let _ = fs::remove_dir_all(&out);
});

/// The manifest with a correct checksum, if it begins with one: it covers everything after it.
fn summed(manifest: &[u8]) -> Vec<u8> {
    const BEFORE: &[u8] = b"{\"crc32c\":\"";
    const AFTER: &[u8] = b"\",";
    let mut manifest = manifest.to_vec();
    let (at, end) = (BEFORE.len(), BEFORE.len() + 8);
    if manifest.starts_with(BEFORE) && manifest.get(end..).is_some_and(|r| r.starts_with(AFTER)) {
        let sum = crc32c::crc32c(&manifest[end + AFTER.len()..]);
        manifest[at..end].copy_from_slice(format!("{sum:08x}").as_bytes());
    }
    manifest
}
