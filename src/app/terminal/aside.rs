//! What is kept aside in a corpus.

use super::units::counted;
use corpus::{Aside, Manifest};
use indicatif::HumanBytes;
use serde_json::{Value, json};

/// Returns what is kept aside as in `status --json`.
pub(crate) fn json(manifest: &Manifest) -> Value {
    let sum = |of: fn(&Aside) -> u64| manifest.labels.iter().map(|l| of(&l.aside)).sum::<u64>();
    json!({"documents": sum(Aside::documents), "bytes": sum(Aside::bytes)})
}

/// Returns a line on what is kept aside, if anything is.
pub(crate) fn line(manifest: &Manifest) -> Option<String> {
    let of = json(manifest);
    let (documents, bytes) = (of["documents"].as_u64()?, of["bytes"].as_u64()?);
    (bytes > 0).then(|| {
        format!(
            "kept aside: {}, {} on disk; `sluice prune` removes what is kept aside",
            counted(documents, "document"),
            HumanBytes(bytes)
        )
    })
}
