//! Which labels are exported?

use anyhow::Result;
use corpus::export::Selection;
use corpus::{Label, Manifest};
use recipe::usage::{suggest, usage};
use recipe::{Slices, find_slice};
use std::path::Path;

/// Returns the labels that an export which is to be updated has, but for those that went away.
pub(super) fn still_there<'m>(
    manifest: &'m Manifest,
    Selection { slices, labels }: &Selection,
) -> Vec<&'m Label> {
    let all: Vec<String> = manifest.present().map(Label::full_name).collect();
    let of_slice = |slice: &String| manifest.present().any(|label| label.slice == *slice);
    for name in labels.iter().filter(|name| !all.contains(name)) {
        tracing::warn!("the corpus has no label {name} any more: its files are removed");
    }
    for name in slices.iter().filter(|name| !of_slice(name)) {
        tracing::warn!("the corpus has no label of {name} any more: its files are removed");
    }
    chosen(manifest, slices, labels)
}

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
    Ok(chosen(manifest, selected, names))
}

fn chosen<'m>(manifest: &'m Manifest, slices: &[String], names: &[String]) -> Vec<&'m Label> {
    let is_all = slices.is_empty() && names.is_empty();
    let is_chosen = |label: &&Label| {
        is_all || slices.contains(&label.slice) || names.contains(&label.full_name())
    };
    manifest.present().filter(is_chosen).collect()
}
