//! The flags that choose labels of a corpus.

use anyhow::Result;
use clap::Args;
use corpus::{Label, Manifest};
use recipe::usage::{suggest, usage};

/// Which labels of a corpus.
#[derive(Args)]
pub(crate) struct Selection {
    /// Only this slice; may be repeated
    #[arg(long = "slice", value_name = "SLICE")]
    slices: Vec<String>,
    /// Only this label, as LABEL or SLICE/LABEL; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
}

impl Selection {
    /// Whether all labels are chosen, because no flag says otherwise.
    pub fn is_everything(&self) -> bool {
        self.slices.is_empty() && self.labels.is_empty()
    }

    /// Returns the labels chosen, in the order of the manifest.
    ///
    /// # Errors
    /// If the corpus has no such slice or label.
    pub fn of<'m>(&self, manifest: &'m Manifest) -> Result<Vec<&'m Label>> {
        for slice in &self.slices {
            if !manifest.present().any(|label| label.slice == *slice) {
                let mut known: Vec<&str> =
                    manifest.present().map(|label| label.slice.as_str()).collect();
                known.sort_unstable();
                known.dedup();
                let hint = hint(slice, &known);
                return Err(usage(format!("the corpus has no slice {slice}{hint}")));
            }
        }
        let in_slices =
            |label: &&Label| self.slices.is_empty() || self.slices.contains(&label.slice);
        let candidates: Vec<&Label> = manifest.present().filter(in_slices).collect();
        for wanted in &self.labels {
            if !candidates.iter().any(|label| is_named(label, wanted)) {
                let full: Vec<String> = candidates.iter().map(|label| label.full_name()).collect();
                let names = candidates.iter().zip(&full).map(|(label, full)| {
                    if wanted.contains('/') { full.as_str() } else { label.name.as_str() }
                });
                let hint = hint(wanted, &names.collect::<Vec<_>>());
                return Err(usage(format!("the corpus has no label {wanted}{hint}")));
            }
        }
        let is_wanted = |label: &&Label| {
            self.labels.is_empty() || self.labels.iter().any(|wanted| is_named(label, wanted))
        };
        Ok(candidates.into_iter().filter(is_wanted).collect())
    }
}

fn is_named(label: &Label, wanted: &str) -> bool {
    match wanted.split_once('/') {
        Some((slice, name)) => label.slice == slice && label.name == name,
        None => label.name == wanted,
    }
}

fn hint(name: &str, known: &[&str]) -> String {
    if known.is_empty() { String::new() } else { suggest(name, known.iter().copied()) }
}
