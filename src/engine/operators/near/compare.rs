//! Which candidates are near.

use super::dropped::{Shared, noted};
use super::likeness::{Likeness, whole};
use super::{Candidates, Counts, Exact, Similar, key_of, ref_of};
use crate::failure::or_fail;
use crate::index::{Index, More};
use crate::operators::join::{Event, Progress, UpdateStream, by_epoch};
use crate::operators::retract::with_retractions;
use crate::worker::WorkerContext;
use arrangement::{Batch, Search, Signature, Signed, owner};
use document::Epoch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// Two documents that are near: the later one, the earlier one, and the bits of their similarity, if it is
/// computed.
pub(super) type Edge = (u64, u64, Option<u64>);

/// One worker's share of the signatures, or of the shingles, which several operators use.
pub(super) type Signatures = Rc<RefCell<Index<Signed>>>;

/// By what candidates are compared.
pub(super) enum Comparison {
    /// By nothing: all are near.
    None,
    /// By the signature of each.
    Signatures(Signatures, Similar),
    /// By the shingles of each: all of its stored parts.
    Shingles(Signatures, Exact),
}

impl Comparison {
    /// The index of what is compared.
    pub fn stored(&self) -> Option<&Signatures> {
        match self {
            Comparison::None => None,
            Comparison::Signatures(stored, _) | Comparison::Shingles(stored, _) => Some(stored),
        }
    }

    /// Returns what a document is compared by, from all that is stored of it.
    fn likeness(&self, stored: impl IntoIterator<Item = Signature>) -> Likeness {
        let mut stored = stored.into_iter();
        match self {
            Comparison::Shingles(..) => Likeness { shingles: whole(stored), ..Likeness::default() },
            Comparison::None | Comparison::Signatures(..) => {
                stored.next().unwrap_or_default().into()
            }
        }
    }

    /// Returns the similarity of two documents, if it is computed, if they are near.
    fn of(&self, earlier: &Likeness, later: &Likeness) -> Option<Option<f64>> {
        match self {
            Comparison::None => Some(None),
            Comparison::Signatures(_, similar) => {
                similar.of(&earlier.signature, &later.signature).map(Some)
            }
            Comparison::Shingles(_, exact) => {
                exact.of(&earlier.shingles, &later.shingles).map(Some)
            }
        }
    }
}

/// Opens an index of signatures. Adds to `signed` what a revision retracts.
pub(super) fn open<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    signed: UpdateStream<'scope, Signed>,
) -> (UpdateStream<'scope, Signed>, Signatures) {
    let stored = Index::open(worker.clone(), name);
    let signed = with_retractions(worker, &stored, signed);
    (signed, Rc::new(RefCell::new(stored)))
}

/// Adds `signed` to its index. Returns the new candidates that are near and whose earlier document
/// counts, as far as that was decided in an epoch before.
pub(super) fn edges<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    candidates: StreamVec<'scope, Epoch, Candidates>,
    signed: UpdateStream<'scope, Signed>,
    comparison: Comparison,
    (dropped, counts): (&Shared, Counts),
) -> StreamVec<'scope, Epoch, Edge> {
    let stored = comparison.stored();
    let attached = attach(worker, name, candidates, signed, stored, (dropped, counts));
    compare(worker, name, attached, comparison)
}

/// Adds `signed` to its index. Returns the new candidates whose earlier document counts, as far as that
/// was decided in an epoch before: the key of the later one with the signature of the earlier one, and the
/// ref of this. If several are stored of the earlier one, returns one for each.
///
/// Without an index, signatures are zeros.
fn attach<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    candidates: StreamVec<'scope, Epoch, Candidates>,
    signatures: UpdateStream<'scope, Signed>,
    stored: Option<&Signatures>,
    (dropped, counts): (&Shared, Counts),
) -> UpdateStream<'scope, Signed> {
    let peers = worker.peers;
    let of_earlier =
        Exchange::new(move |found: &Candidates| owner(key_of(found.earlier), peers) as u64);
    let of_key =
        Exchange::new(move |update: &(Signed, u64, i64)| owner(update.0.key, peers) as u64);
    let (stored, dropped) = (stored.cloned(), dropped.clone());
    let last = worker.plan.last_epoch();
    let revision = worker.revision.clone();
    let scope = candidates.scope();
    let name = format!("Attach {name}");
    type Builder = CapacityContainerBuilder<Vec<(Signed, u64, i64)>>;
    candidates.binary_frontier::<_, Builder, _, _, _, _>(
        signatures,
        of_earlier,
        of_key,
        &name,
        move |cap, info| {
            let activator = scope.activator_for(info.address.clone());
            dropped.borrow_mut().waits(scope.activator_for(info.address));
            // Held until the final runs are noted.
            let mut until_end = Some(cap.delayed(&last));
            let mut open: BTreeMap<Epoch, (Capability<Epoch>, Open)> = BTreeMap::new();
            let new_pairs = dropped.borrow().batches();
            let new_signatures = stored.as_ref().map(|stored| stored.borrow().batches());
            let new = move || Open {
                pairs: new_pairs(),
                signatures: new_signatures.as_ref().map(|new| new()),
                noted: Vec::new(),
                searches: None,
            };
            move |(candidates, frontier), (signatures, signatures_frontier), output| {
                candidates.for_each(|cap, batch| {
                    let cap = cap.retain_least(0).expect("a message has a time");
                    let (_, open) = open.entry(*cap.time()).or_insert_with(|| (cap, new()));
                    let new = batch.drain(..).filter(|found| found.change.is_none());
                    or_fail(open.pairs.extend(new.map(|f| (key_of(f.earlier), f.later, 1))));
                });
                signatures.for_each(|cap, batch| {
                    let cap = cap.retain_least(0).expect("a message has a time");
                    let (_, open) = open.entry(*cap.time()).or_insert_with(|| (cap, new()));
                    if let Some(revision) = &revision {
                        open.noted.extend(noted(revision, batch));
                    }
                    if let Some(signatures) = &mut open.signatures {
                        or_fail(signatures.extend(batch.drain(..)));
                    }
                });
                let Some(mut first) = open.first_entry() else {
                    if frontier.is_empty()
                        && signatures_frontier.is_empty()
                        && until_end.take().is_some()
                        && let Some(stored) = &stored
                    {
                        stored.borrow_mut().finish();
                    }
                    return;
                };
                let epoch = *first.key();
                if frontier.less_equal(&epoch)
                    || signatures_frontier.less_equal(&epoch)
                    || !dropped.borrow().has_all_before(epoch)
                {
                    return;
                }
                let (cap, now) = first.get_mut();
                dropped.borrow_mut().note_signatures(std::mem::take(&mut now.noted));
                if let (Some(stored), Some(mut signatures)) = (&stored, now.signatures.take()) {
                    let all = frontier.is_empty() && signatures_frontier.is_empty();
                    let more = if all { More::None } else { More::MayFollow };
                    stored.borrow_mut().store(epoch, more, &mut signatures);
                }
                let searches = now.searches.get_or_insert_with(|| {
                    let signatures = stored.as_ref().map(|stored| stored.borrow().search());
                    (dropped.borrow().search(), signatures)
                });
                match or_fail(now.pairs.next_updates()) {
                    None => drop(first.remove()),
                    Some(pairs) => {
                        let mut session = output.session(cap);
                        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
                            let key = same[0].0;
                            let signatures = or_fail(signatures_of(key, searches, counts));
                            for (_, later, _) in same {
                                for signature in &signatures {
                                    let key_of_later = key_of(*later);
                                    let signed =
                                        Signed { key: key_of_later, signature: *signature };
                                    session.give((signed, ref_of(key), 1));
                                }
                            }
                        }
                    }
                }
                activator.activate();
            }
        },
    )
}

/// The candidates and signatures of an epoch.
struct Open {
    /// By the earlier document: its key, and the ref of the later one.
    pairs: Batch<u64>,
    /// Until they are stored.
    signatures: Option<Batch<Signed>>,
    /// See [`noted`].
    noted: Vec<(u64, u64)>,
    searches: Option<(Search<u64>, Option<Search<Signed>>)>,
}

/// Returns what is stored of a document; nothing, if it is dropped and does not count.
fn signatures_of(
    key: u64,
    (dropped, signatures): &mut (Search<u64>, Option<Search<Signed>>),
    counts: Counts,
) -> Result<Vec<Signature>, arrangement::Error> {
    if counts == Counts::Kept && dropped.find(key)?.is_some() {
        return Ok(Vec::new());
    }
    let Some(signatures) = signatures else { return Ok(vec![Signature::default()]) };
    Ok(signatures.find_all(signed(key))?.iter().map(|found| found.signature).collect())
}

/// What finds a signature.
pub(super) fn signed(key: u64) -> Signed {
    Signed { key, signature: Signature::default() }
}

/// Returns those of `candidates`, as [`attach`] returns them, that are near.
fn compare<'scope>(
    worker: &WorkerContext,
    name: &str,
    candidates: UpdateStream<'scope, Signed>,
    comparison: Comparison,
) -> StreamVec<'scope, Epoch, Edge> {
    let name = format!("Compare with {name}");
    let new_batch = worker.batches(&name);
    // Made anew for each epoch, whose signatures are stored by then.
    let mut search: Option<Search<Signed>> = None;
    by_epoch(
        &name,
        worker,
        candidates,
        |_| None,
        new_batch,
        move |event, edges| {
            let Event::Epoch { updates, .. } = event else { return Progress::Done };
            let Some(mut candidates) = or_fail(updates.next_updates()) else {
                search = None;
                return Progress::Done;
            };
            if search.is_none() {
                search = comparison.stored().map(|stored| stored.borrow().search());
            }
            candidates.sort_unstable_by_key(|(later, at, _)| (later.key, *at));
            for of_later in candidates.chunk_by(|a, b| a.0.key == b.0.key) {
                let key = of_later[0].0.key;
                let later = match &mut search {
                    Some(search) => or_fail(search.find_all(signed(key))),
                    None => Vec::new(),
                };
                if later.is_empty() && search.is_some() {
                    continue;
                }
                let later = comparison.likeness(later.iter().map(|found| found.signature));
                for same in of_later.chunk_by(|a, b| a.1 == b.1) {
                    let earlier =
                        comparison.likeness(same.iter().map(|(found, ..)| found.signature));
                    if let Some(found) = comparison.of(&earlier, &later) {
                        edges.push((ref_of(key), same[0].1, found.map(f64::to_bits)));
                    }
                }
            }
            Progress::Continues
        },
    )
}
