//! Each new document with those that it is compared with.

use super::{CANDIDATES_MAX, Candidates, Change};
use crate::failure::or_fail;
use crate::index::Index;
use crate::operators::join::{Event, Progress, UpdateStream, by_epoch};
use crate::worker::WorkerContext;
use arrangement::{Batch, Error, Pairs, Search, Update};
use document::{DocRef, Epoch};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use timely::dataflow::StreamVec;

/// Candidates that are found before the operator yields, at the end of a revision.
const STEP: usize = 1 << 16;

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
    let mut touched = revision.as_ref().map(|_| Touched::new(worker, name));
    let name = format!("Candidates of {name}");
    by_epoch(
        &name,
        worker,
        updates,
        |_| None,
        new_batch,
        move |event, found| match event {
            Event::Epoch { epoch, more, updates } => {
                let touch = |update| {
                    if let Some(touched) = &mut touched {
                        or_fail(touched.extend(update));
                    }
                };
                let done =
                    index.apply_pairs(epoch, more, updates, CANDIDATES_MAX, &mut pairs, touch);
                let new = |(later, earlier)| Candidates { later, earlier, change: None };
                found.extend(pairs.drain(..).map(new));
                if done { Progress::Done } else { Progress::Continues }
            }
            Event::End => {
                let (Some(touched), Some(revision)) = (&mut touched, &revision) else {
                    index.finish();
                    return Progress::Done;
                };
                let is_read = |at: u64| revision.changing.contains(DocRef(at));
                let search = touched.search.get_or_insert_with(|| {
                    index.finish();
                    index.search()
                });
                let updates = (&mut touched.retracted, &mut touched.inserted);
                if or_fail(changes(updates, search, is_read, found)) {
                    Progress::Done
                } else {
                    Progress::Continues
                }
            }
        },
    )
}

/// The updates of a revision, by band. They are apart so that those of a document that is read again do
/// not cancel out.
struct Touched {
    retracted: Sorted,
    inserted: Sorted,
    /// Lookups in what is stored at the end.
    search: Option<Search<u64>>,
}

impl Touched {
    fn new(worker: &WorkerContext, name: &str) -> Touched {
        let sorted = |kind: &str| Sorted::new(worker.batches(&format!("{name}-{kind}"))());
        Touched { retracted: sorted("retracted"), inserted: sorted("inserted"), search: None }
    }

    fn extend(&mut self, (key, at, diff): Update<u64>) -> Result<(), Error> {
        let (of_kind, count) =
            if diff < 0 { (&mut self.retracted, -diff) } else { (&mut self.inserted, diff) };
        of_kind.batch.extend([(key, at, count)])
    }
}

/// Updates that are added in any order, and then returned by band. Many of them are on disk.
struct Sorted {
    batch: Batch<u64>,
    /// The next ones, the last one first.
    next: Vec<Update<u64>>,
}

impl Sorted {
    fn new(batch: Batch<u64>) -> Sorted {
        Sorted { batch, next: Vec::new() }
    }

    /// Returns the band of the next update.
    fn band(&mut self) -> Result<Option<u64>, Error> {
        while self.next.is_empty() {
            let Some(mut updates) = self.batch.next_updates()? else { return Ok(None) };
            updates.reverse();
            self.next = updates;
        }
        Ok(self.next.last().map(|update| update.0))
    }

    /// Removes the updates of a band, which is that of the next one or before it, and passes each ref
    /// with its count on.
    fn of(&mut self, band: u64, mut each: impl FnMut(u64, i64)) {
        while let Some((_, at, count)) = self.next.pop_if(|update| update.0 == band) {
            each(at, count);
        }
    }
}

/// Appends, for the next bands with updates, the documents that were or are among the first ones, if that
/// has changed or they were read again: each with all later documents of the band that were not. Returns
/// whether all bands are done.
fn changes(
    (retracted, inserted): (&mut Sorted, &mut Sorted),
    stored: &mut Search<u64>,
    is_read: impl Fn(u64) -> bool,
    found: &mut Vec<Candidates>,
) -> Result<bool, Error> {
    while found.len() < STEP {
        let Some(band) = retracted.band()?.into_iter().chain(inserted.band()?).min() else {
            return Ok(true);
        };
        let mut after = Vec::new();
        let mut refs = stored.refs(band, 0)?;
        while let Some(at) = refs.next_ref()? {
            after.push(at);
        }
        let mut counts: BTreeMap<u64, i64> = after.iter().map(|at| (*at, 1)).collect();
        retracted.of(band, |at, count| *counts.entry(at).or_default() += count);
        inserted.of(band, |at, count| *counts.entry(at).or_default() -= count);
        counts.retain(|_, count| *count > 0);
        let before: Vec<u64> = counts.into_keys().collect();
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
    Ok(false)
}

/// The documents of a band with which others are compared.
fn first(refs: &[u64]) -> &[u64] {
    &refs[..refs.len().min(CANDIDATES_MAX)]
}
