//! Steps that remove most of a source: often a rule that does not fit the source, or a damaged one.

use super::ledger::{OfSource, OfSources};
use corpus::Manifest;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Sources with fewer records say nothing about shares.
const RECORDS_MIN: u64 = 20;

/// Sources that are listed for a step.
const LISTED_MAX: usize = 10;

/// A step that removed a large share of some sources of a label.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Removal {
    /// `slice/label`.
    pub label: String,
    /// The reason with which the step drops.
    pub reason: String,
    /// The share of records beyond which a source is counted here.
    pub share_max: f64,
    /// How many sources it removed more of.
    pub sources: u64,
    /// How many sources of the label have enough records to tell.
    pub of: u64,
    /// The sources of which it removed most.
    pub worst: Vec<Removed>,
}

/// What a step removed of a source.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Removed {
    /// Name of the source.
    pub source: String,
    /// Records read of it.
    pub read: u64,
    /// Records that the step dropped.
    pub dropped: u64,
}

impl Removed {
    /// The share that was dropped.
    pub fn share(&self) -> f64 {
        self.dropped as f64 / self.read.max(1) as f64
    }
}

/// Returns the steps that removed more than `share_max` of a source.
pub(super) fn removals(manifest: &Manifest, sources: &OfSources, share_max: f64) -> Vec<Removal> {
    let mut found: BTreeMap<(u64, &str), Vec<Removed>> = BTreeMap::new();
    let mut enough: BTreeMap<u64, u64> = BTreeMap::new();
    for ((label, source), of_source) in sources {
        let read: u64 = of_source.values().sum();
        if read < RECORDS_MIN {
            continue;
        }
        *enough.entry(*label).or_default() += 1;
        for (reason, dropped) in reasons(of_source) {
            if dropped as f64 > share_max * read as f64 {
                let name = manifest.labels[*label as usize].sources[*source as usize].name.clone();
                let removed = Removed { source: name, read, dropped };
                found.entry((*label, reason)).or_default().push(removed);
            }
        }
    }
    let removal = |((label, reason), mut worst): ((u64, &str), Vec<Removed>)| {
        let sources = worst.len() as u64;
        worst.sort_by_key(|removed| Reverse((removed.share() * 1e9) as u64));
        worst.truncate(LISTED_MAX);
        Removal {
            label: manifest.labels[label as usize].full_name(),
            reason: reason.to_owned(),
            share_max,
            sources,
            of: enough[&label],
            worst,
        }
    };
    found.into_iter().map(removal).collect()
}

fn reasons(of_source: &OfSource) -> impl Iterator<Item = (&str, u64)> {
    of_source.iter().filter_map(|(reason, count)| Some((reason.as_deref()?, *count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::{Label, Source};

    #[test]
    fn a_step_that_removes_more_than_the_share_is_named_with_its_sources() {
        let source = |name: &str| Source { name: name.into(), ..Source::default() };
        let sources = vec![source("a"), source("b"), source("c")];
        let label = Label { slice: "s".into(), name: "l".into(), sources, ..Label::default() };
        let manifest = Manifest { labels: vec![label], ..Manifest::default() };
        let of = |kept, short, long| -> OfSource {
            [(None, kept), (Some("short".into()), short), (Some("long".into()), long)].into()
        };
        let sources: OfSources =
            [((0, 0), of(50, 50, 0)), ((0, 1), of(9, 51, 40)), ((0, 2), of(1, 9, 0))].into();
        let found = removals(&manifest, &sources, 0.5);
        let worst = vec![Removed { source: "b".into(), read: 100, dropped: 51 }];
        let expected = Removal {
            label: "s/l".into(),
            reason: "short".into(),
            share_max: 0.5,
            sources: 1,
            of: 2,
            worst,
        };
        assert_eq!(found, [expected]);
        assert_eq!(removals(&manifest, &sources, 0.39).len(), 2);
    }
}
