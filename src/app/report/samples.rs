//! Texts of each slice, kept and dropped.

use crate::look::{Look, cut, sample};
use anyhow::Result;
use corpus::{Label, Verdicts};
use serde::Serialize;
use std::collections::BTreeSet;

/// Characters of a text that are shown.
const TEXT_CHARS: usize = 600;

/// The samples are the same each time.
const SEED: u64 = 0;

/// A document.
#[derive(Serialize)]
pub(crate) struct Sample {
    /// Its slice.
    pub slice: String,
    /// Why it was dropped; `None` if it is kept.
    pub reason: Option<String>,
    /// Its id.
    pub id: String,
    /// Where it was found.
    pub url: String,
    /// The beginning of its text, kept or as it was read; `None` if it is not known.
    pub text: Option<String>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// Returns `size` documents of each slice for each verdict.
pub(super) fn samples(look: &Look, size: u64) -> Result<Vec<Sample>> {
    let mut all = Vec::new();
    let slices: BTreeSet<&str> =
        look.manifest.present().map(|label| label.slice.as_str()).collect();
    for slice in slices {
        let labels: Vec<&Label> =
            look.manifest.present().filter(|label| label.slice == slice).collect();
        let reasons: BTreeSet<&str> =
            labels.iter().flat_map(|label| label.counts.dropped.keys().map(|r| &**r)).collect();
        let dropped = reasons.into_iter().map(|reason| Verdicts::DroppedFor(reason.to_owned()));
        for verdicts in [Verdicts::Kept].into_iter().chain(dropped) {
            for (label, rows) in sample(look, &labels, &verdicts, size, SEED)? {
                look.views(label, &rows, |view| {
                    all.push(Sample {
                        slice: slice.to_owned(),
                        reason: view.reason.clone(),
                        id: view.id.clone(),
                        url: view.ledger.url.clone(),
                        text: view.text.as_ref().map(|text| cut(text.trim(), TEXT_CHARS)),
                        notes: view.notes.clone(),
                    });
                    Ok(())
                })?;
            }
        }
    }
    Ok(all)
}
