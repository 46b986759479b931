//! Any bytes as the manifest of a corpus: reading, verifying and exporting do not panic, and touch
//! nothing outside the corpus.

#![no_main]

use corpus::Corpus;
use corpus::export::{Format, export};
use libfuzzer_sys::fuzz_target;
use std::fs;

fuzz_target!(|manifest: &[u8]| {
    let root = shared::path("corpus");
    if !root.is_dir() {
        Corpus::create(&root).expect("a folder");
        fs::write(root.join("recipe.toml"), "").expect("room");
    }
    fs::write(root.join("commits/000001.json"), manifest).expect("room for the input");
    let corpus = Corpus::open(&root).expect("it has a manifest");
    let Ok(Some(manifest)) = corpus.manifest() else { return };
    // Nothing may be read or written elsewhere on the machine that runs this.
    let is_within =
        |name: &str| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    let labels = manifest.labels.iter().flat_map(|label| [&label.slice, &label.name]);
    let runs = manifest.state.values().flatten().map(|run| run.name.clone());
    if !labels.cloned().chain(runs).chain(manifest.files()).all(|name| is_within(&name)) {
        return;
    }
    let _ = corpus::verify(&corpus, &manifest, true, |_| {});
    let out = shared::path("out");
    let _ = export(&corpus, &manifest, &out, &[], Format::Jsonl, |_| {});
    let _ = fs::remove_dir_all(&out);
});
