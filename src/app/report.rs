//! What is in a corpus, for people who judge it: the funnel, its size beside those of LLaMA and
//! RedPajama, duplicates, distributions, samples, and what a summary of training data asks for.
//!
//! Counts come from the manifest, distributions from one scan of the ledger, duplicates from one scan of
//! the indexes.

mod charts;
mod domains;
mod duplicates;
mod histogram;
mod ledger;
mod page;
mod plain;
mod published;
mod removed;
mod samples;
mod summary;

pub(crate) use self::domains::write as write_domains;
pub(crate) use self::page::page;
pub(crate) use self::plain::print;
pub(crate) use self::published::{llama_shares, redpajama_shares};

use self::domains::Domains;
use self::duplicates::{Duplicates, duplicates};
use self::ledger::{Found, Scanned, scan};
use self::published::{Size, sizes};
use self::removed::{Removal, removals};
use self::samples::{Sample, samples};
use self::summary::{Summary, summary};
use crate::guard::{Taken, taken};
use crate::look::Look;
use crate::terminal::counts::label_json;
use anyhow::Result;
use corpus::{Counts, Label};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a report is made of.
pub(crate) struct Options {
    /// Threads that read.
    pub workers: usize,
    /// The share of a source from which on its removal by one step is a warning.
    pub share_max: f64,
    /// Texts of each slice and verdict.
    pub samples: u64,
}

/// A report on a corpus.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The commit that it is about.
    pub commit: u64,
    /// The slices, in the order in which they were added.
    pub slices: Vec<SliceReport>,
    /// Sums over all slices.
    pub all: Sums,
    /// Sizes beside those that were published.
    pub sizes: Vec<Size>,
    /// What each index found.
    pub duplicates: Vec<Duplicates>,
    /// Steps that removed most of some sources.
    pub removals: Vec<Removal>,
    /// Steps of deduplication that dropped most of what they compared of a label.
    pub taken: Vec<Taken>,
    /// The web sites of the documents kept.
    pub domains: Domains,
    /// What the EU's template for training data asks for.
    pub summary: Summary,
    /// Texts kept and dropped.
    pub samples: Vec<Sample>,
}

/// A slice.
#[derive(Serialize)]
pub(crate) struct SliceReport {
    /// Its name.
    pub slice: String,
    /// Counts of its labels, as `status --json` has them, by name.
    pub labels: BTreeMap<String, serde_json::Value>,
    /// Their sums.
    pub all: Sums,
    /// Distributions over its documents.
    #[serde(flatten)]
    pub scanned: Scanned,
}

/// Sums over labels.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sums {
    #[serde(flatten)]
    pub counts: Counts,
    /// Sources.
    pub sources: u64,
    /// Their bytes, as stored.
    pub bytes_stored: u64,
}

impl Sums {
    fn of<'l>(labels: impl IntoIterator<Item = &'l Label>) -> Sums {
        let mut sums = Sums::default();
        for label in labels {
            sums.counts.add(&label.counts);
            sums.sources += label.sources.len() as u64;
            sums.bytes_stored += label.sources.iter().map(|source| source.bytes).sum::<u64>();
        }
        sums
    }
}

/// Makes a report on all labels of a corpus.
pub(crate) fn report(look: &Look, options: &Options) -> Result<Report> {
    let manifest = &look.manifest;
    let Found { slices, sources, domains } = scan(look, options.workers)?;
    let slices = slices.into_iter().map(|(slice, scanned)| {
        let labels: Vec<&Label> = manifest.present().filter(|label| label.slice == slice).collect();
        let all = Sums::of(labels.iter().copied());
        let labels = labels.iter().map(|label| (label.name.clone(), label_json(label)));
        SliceReport { slice, labels: labels.collect(), all, scanned }
    });
    let slices: Vec<SliceReport> = slices.collect();
    Ok(Report {
        commit: manifest.commit,
        sizes: sizes(&slices),
        duplicates: duplicates(look, options.samples > 0)?,
        removals: removals(manifest, &sources, options.share_max),
        taken: taken(look, &manifest.present().collect::<Vec<_>>(), options.share_max)?,
        summary: summary(look, &slices)?,
        samples: samples(look, options.samples)?,
        domains,
        all: Sums::of(manifest.present()),
        slices,
    })
}
