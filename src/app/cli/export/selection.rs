//! Which labels are exported?

use anyhow::Result;
use corpus::{Label, Manifest};
use recipe::usage::{suggest, usage};
use recipe::{Slices, find_slice};
use std::path::Path;

/// Returns the labels of any of `names`, which are `slice/label`, or of any of the slices; all
/// labels if nothing is selected.
///
/// # Errors
/// If a slice or a label is not in the corpus; the message has the nearest name.
pub(super) fn labels<'m>(
    slices: Slices,
    corpus: &Path,
    manifest: &'m Manifest,
    selected: &[String],
    names: &[String],
) -> Result<Vec<&'m Label>> {
    let shown = corpus.display();
    for slice in selected {
        find_slice(slices, slice)?;
        if !manifest.present().any(|label| label.slice == *slice) {
            let what = format!("{shown} has no label of {slice}: there is nothing to export");
            return Err(usage(what));
        }
    }
    let all: Vec<String> = manifest.present().map(Label::full_name).collect();
    if let Some(name) = names.iter().find(|name| !all.contains(name)) {
        let hint = match &all[..] {
            [] => "; it has no labels".to_owned(),
            all => suggest(name, all.iter().map(String::as_str)),
        };
        return Err(usage(format!("{shown} has no label {name}{hint}")));
    }
    let is_all = selected.is_empty() && names.is_empty();
    let is_selected = |label: &&Label| {
        is_all || selected.contains(&label.slice) || names.contains(&label.full_name())
    };
    Ok(manifest.present().filter(is_selected).collect())
}
