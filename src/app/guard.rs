//! Deduplication that took most of a label: a rule that does not fit it, or text that most of its
//! documents share, and nobody would see what is gone.
//!
//! Only steps that compare documents with each other are watched. Rules such as those on languages are
//! meant to drop most of some sources.

use crate::ingest::Summary;
use crate::look::{DEDUP_REASONS, Look};
use crate::terminal::units::counted;
use anyhow::Result;
use corpus::Label;
use document::{DocRef, Reason};
use engine::{Compares, GraphStep, IndexUse, Replayed, StoredIndex};
use indicatif::HumanCount;
use recipe::Slices;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Of fewer documents a share says nothing.
const COMPARED_MIN: u64 = 20;

/// Documents that are named for a step.
const LARGEST: usize = 3;

/// Keys of an index beyond which it is not read for a warning: some ten seconds.
const KEYS_MAX: u64 = 100_000_000;

/// A step of deduplication that dropped a large share of a label.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Taken {
    /// `slice/label`.
    pub label: String,
    /// The reason with which the step drops.
    pub reason: String,
    /// Documents that it dropped.
    pub dropped: u64,
    /// Documents that reached it: these, and those that it passed.
    pub compared: u64,
    /// The share beyond which it is named.
    pub share_max: f64,
    /// The documents of which most of those dropped are copies, if that is known.
    pub largest: Vec<Copied>,
}

/// A document of which others of a label are copies.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Copied {
    /// Its id.
    pub id: String,
    /// How many.
    pub copies: u64,
}

impl Taken {
    /// Returns the warning for people.
    pub fn line(&self) -> String {
        let Taken { label, reason, dropped, compared, largest, .. } = self;
        let share = 100.0 * *dropped as f64 / *compared as f64;
        let copies: Vec<String> =
            largest.iter().map(|of| format!("{} ({})", of.id, HumanCount(of.copies))).collect();
        let most = match &copies[..] {
            [] => String::new(),
            copies => format!("; most are copies of {}", copies.join(", ")),
        };
        let compared = counted(*compared, "document");
        format!("{label}: {reason} dropped {share:.1} % of the {compared} that it compared{most}")
    }
}

/// Returns the warnings about the labels of a run. It has been committed, so that an error here is one, too.
pub(crate) fn warnings(
    slices: Slices,
    root: &Path,
    summary: &Summary,
    share_max: f64,
) -> Vec<Taken> {
    let labels: Vec<&Label> = summary.labels.iter().map(|done| &done.label).collect();
    if !summary.is_first_process || !labels.iter().any(|label| may_be_taken(label, share_max)) {
        return Vec::new();
    }
    let found = Look::open(slices, root).and_then(|look| taken(&look, &labels, share_max));
    found.unwrap_or_else(|error| {
        tracing::warn!("the shares that deduplication dropped are not known: {error:#}");
        Vec::new()
    })
}

/// Whether a step may have dropped more than the share, as far as counts tell without the graph: at
/// least what is kept and what it dropped reached it.
fn may_be_taken(label: &Label, share_max: f64) -> bool {
    let is_much = |dropped: u64| dropped as f64 > share_max * (dropped + label.counts.kept) as f64;
    DEDUP_REASONS.iter().filter_map(|reason| label.counts.dropped.get(*reason)).any(|d| is_much(*d))
}

/// Returns the steps that dropped more than `share_max` of what they compared of one of `labels`, by
/// their counts.
///
/// # Errors
/// If the ledger or an index cannot be read.
pub(crate) fn taken(look: &Look, labels: &[&Label], share_max: f64) -> Result<Vec<Taken>> {
    let mut graphs: BTreeMap<&str, Replayed> = BTreeMap::new();
    let mut all = Vec::new();
    for label in labels {
        if !graphs.contains_key(label.slice.as_str()) {
            let graph = look.replay(&label.slice, Vec::new(), BTreeMap::new())?;
            graphs.insert(&label.slice, graph);
        }
        let graph = &graphs[label.slice.as_str()];
        for (reason, dropped, compared) in of_label(label, graph) {
            if compared < COMPARED_MIN || dropped as f64 <= share_max * compared as f64 {
                continue;
            }
            let used = graph.indexes.iter().find(|used| used.effect.reason() == Some(&reason));
            let largest = match used {
                Some(used) => largest(look, label, used)?,
                None => Vec::new(),
            };
            let (label, reason) = (label.full_name(), reason.to_string());
            all.push(Taken { label, reason, dropped, compared, share_max, largest });
        }
    }
    Ok(all)
}

/// The reasons of deduplication, in the order of the graph, each with the number of documents that
/// were dropped, and of those that reached the first step with the reason.
fn of_label(label: &Label, graph: &Replayed) -> Vec<(Reason, u64, u64)> {
    let dropped = |reason: &Reason| label.counts.dropped.get(reason).copied().unwrap_or_default();
    let reason_of = |step: &GraphStep| match step {
        GraphStep::Reject(reason) => Some(reason.clone()),
        GraphStep::Index(place) => graph.indexes[*place].effect.reason().cloned(),
        GraphStep::Tag(_) => None,
    };
    let mut reasons: Vec<Reason> = Vec::new();
    for reason in graph.steps.iter().filter_map(reason_of) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    // From the end: what is kept reached every step.
    let mut reached = label.counts.kept;
    let mut found = Vec::new();
    for reason in reasons.into_iter().rev() {
        reached += dropped(&reason);
        if DEDUP_REASONS.contains(&&*reason) {
            let dropped = dropped(&reason);
            found.push((reason, dropped, reached));
        }
    }
    found.reverse();
    found
}

/// The documents of which most documents of a label are copies at an index.
fn largest(look: &Look, label: &Label, used: &IndexUse) -> Result<Vec<Copied>> {
    let labels = &look.manifest.labels;
    let is_label = |other: &Label| !other.removed && other.full_name() == label.full_name();
    let Some(number) = labels.iter().position(is_label) else { return Ok(Vec::new()) };
    let is_of_label = |at: &DocRef| at.label() == number as u64;
    let stored = StoredIndex::new(&look.corpus, &look.manifest, used);
    let mut copies: HashMap<DocRef, u64> = HashMap::new();
    match used.compares {
        Compares::Near(_) => {
            look.witnessed(label, |first, _| *copies.entry(first).or_default() += 1)?;
        }
        Compares::Equal(_) if stored.updates() > KEYS_MAX => {}
        Compares::Equal(_) => stored.groups(&mut |_, refs| {
            let count = refs[1..].iter().filter(|at| is_of_label(at)).count() as u64;
            if count > 0 {
                *copies.entry(refs[0]).or_default() += count;
            }
        })?,
    }
    let mut most: Vec<(DocRef, u64)> = copies.into_iter().collect();
    most.sort_unstable_by_key(|(at, count)| (Reverse(*count), *at));
    most.truncate(LARGEST);
    let named = |(at, copies): (DocRef, u64)| Copied {
        id: labels[at.label() as usize].document_id(at),
        copies,
    };
    Ok(most.into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrangement::Rule;
    use corpus::Counts;
    use engine::Effect;

    fn index(name: &str, effect: Effect) -> IndexUse {
        let compares = Compares::Equal(Rule::first_of_all());
        IndexUse { name: name.into(), key_bytes: 16, compares, effect }
    }

    #[test]
    fn a_step_is_measured_by_what_reached_it() {
        let graph = Replayed {
            indexes: vec![
                index("lines", Effect::Cut),
                index("texts", Effect::Reject("duplicate".into())),
                index("pages", Effect::Reject("unchanged".into())),
            ],
            steps: vec![
                GraphStep::Index(0),
                GraphStep::Reject("duplicate_lines".into()),
                GraphStep::Reject("language".into()),
                GraphStep::Index(1),
                GraphStep::Tag("Tokens".into()),
                GraphStep::Index(2),
            ],
            ..Replayed::default()
        };
        let dropped =
            [("no_json", 7), ("duplicate_lines", 5), ("language", 900), ("duplicate", 60)];
        let dropped = dropped.into_iter().chain([("unchanged", 15)]);
        let dropped = dropped.map(|(reason, count)| (reason.into(), count)).collect();
        let counts = Counts { kept: 20, dropped, ..Counts::default() };
        let label = Label { counts, ..Label::default() };
        let expected: Vec<(Reason, u64, u64)> =
            vec![("duplicate_lines".into(), 5, 1000), ("duplicate".into(), 60, 95)];
        assert_eq!(of_label(&label, &graph), expected);
    }

    #[test]
    fn a_warning_names_what_most_are_copies_of() {
        let largest = vec![Copied { id: "s/a/f#1".into(), copies: 1200 }];
        let taken = Taken {
            label: "s/b".into(),
            reason: "duplicate".into(),
            dropped: 1500,
            compared: 2000,
            share_max: 0.5,
            largest,
        };
        let expected = "s/b: duplicate dropped 75.0 % of the 2,000 documents that it compared; most are \
                        copies of s/a/f#1 (1,200)";
        assert_eq!(taken.line(), expected);
    }
}
