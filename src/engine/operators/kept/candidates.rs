//! Each new document with those that it is compared with.

use super::{CANDIDATES_MAX, Candidates, Change};
use crate::failure::or_fail;
use crate::index::Index;
use crate::operators::join::{Event, Progress, UpdateStream, by_epoch};
use crate::worker::WorkerContext;
use arrangement::{Error, Pairs, Search, Update};
use document::{DocRef, Epoch};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use timely::dataflow::StreamVec;

/// Adds `updates` to the index of bands. Returns each inserted ref with the smaller ones of the first few
/// of its band, once for each band that they share. In a revision, returns at its end how these first
/// ones have changed for the other documents.
pub(super) fn candidates<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    updates: UpdateStream<'scope, u64>,
    mut index: Index<u64>,
) -> StreamVec<'scope, Epoch, Candidates> {
    let new_batch = index.batches();
    let mut pairs = Pairs::new();
    let revision = worker.revision.clone();
    let mut touched = Touched::default();
    let name = format!("Candidates of {name}");
    by_epoch(
        &name,
        worker,
        updates,
        |_| None,
        new_batch,
        move |event, found| match event {
            Event::Epoch { epoch, more, updates } => {
                let noted = revision.is_some().then_some(&mut touched.updates);
                let done =
                    index.apply_pairs(epoch, more, updates, CANDIDATES_MAX, &mut pairs, noted);
                let new = |(later, earlier)| Candidates { later, earlier, change: None };
                found.extend(pairs.drain(..).map(new));
                if done { Progress::Done } else { Progress::Continues }
            }
            Event::End => {
                index.finish();
                if let Some(revision) = &revision {
                    let is_read = |at: u64| revision.changing.contains(DocRef(at));
                    or_fail(touched.changes(&mut index.search(), is_read, found));
                }
                Progress::Done
            }
        },
    )
}

/// The updates of a revision.
#[derive(Default)]
struct Touched {
    updates: Vec<Update<u64>>,
}

impl Touched {
    /// Appends, for every band with updates, the documents that were or are among its first ones, if
    /// that has changed or they were read again: each with all later documents of the band that were not.
    fn changes(
        &mut self,
        stored: &mut Search<u64>,
        is_read: impl Fn(u64) -> bool,
        found: &mut Vec<Candidates>,
    ) -> Result<(), Error> {
        self.updates.sort_unstable();
        for of_band in self.updates.chunk_by(|a, b| a.0 == b.0) {
            let mut after = Vec::new();
            let mut refs = stored.refs(of_band[0].0, 0)?;
            while let Some(at) = refs.next_ref()? {
                after.push(at);
            }
            let before = before(&after, of_band);
            let (was, is) = (first(&before), first(&after));
            let ever: BTreeSet<u64> = was.iter().chain(is).copied().collect();
            for earlier in ever {
                let has = |refs: &[u64]| refs.binary_search(&earlier).is_ok();
                let change = Change { was: has(was), is: has(is) };
                if change.was == change.is && !is_read(earlier) {
                    continue;
                }
                let later = after.iter().filter(|at| **at > earlier && !is_read(**at));
                let change = Some(change);
                found.extend(later.map(|later| Candidates { later: *later, earlier, change }));
            }
        }
        self.updates.clear();
        Ok(())
    }
}

/// The documents of a band with which others are compared.
fn first(refs: &[u64]) -> &[u64] {
    &refs[..refs.len().min(CANDIDATES_MAX)]
}

/// Returns the live refs of a band before `updates`, sorted, from those afterwards.
fn before(after: &[u64], updates: &[Update<u64>]) -> Vec<u64> {
    let mut counts: BTreeMap<u64, i64> = after.iter().map(|at| (*at, 1)).collect();
    for (_, at, diff) in updates {
        *counts.entry(*at).or_default() -= diff;
    }
    counts.retain(|_, count| *count > 0);
    counts.into_keys().collect()
}
