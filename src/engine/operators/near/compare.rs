//! Which candidates are near.

use super::dropped::{Shared, noted};
use super::{Candidates, Counts, Similar, key_of, ref_of};
use crate::failure::or_fail;
use crate::index::{Index, More};
use crate::operators::join::{Event, Progress, UpdateStream, by_epoch};
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

/// One worker's share of the signatures, which two operators use.
pub(super) type Signatures = Rc<RefCell<Index<Signed>>>;

/// Shares an index.
pub(super) fn shared(index: Index<Signed>) -> Signatures {
    Rc::new(RefCell::new(index))
}

/// Adds `signatures` to their index. Returns the new candidates whose earlier document counts, as far as
/// that was decided in an epoch before: the key of the later one with the signature of the earlier one,
/// and the ref of this.
///
/// Without an index, signatures are zeros.
pub(super) fn attach<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    candidates: StreamVec<'scope, Epoch, Candidates>,
    signatures: UpdateStream<'scope, Signed>,
    stored: &Option<Signatures>,
    dropped: &Shared,
    counts: Counts,
) -> UpdateStream<'scope, Signed> {
    let peers = worker.peers;
    let of_earlier =
        Exchange::new(move |found: &Candidates| owner(key_of(found.earlier), peers) as u64);
    let of_key =
        Exchange::new(move |update: &(Signed, u64, i64)| owner(update.0.key, peers) as u64);
    let (stored, dropped) = (stored.clone(), dropped.clone());
    let last = worker.plan.last_epoch();
    let revision = worker.revision.clone();
    let scope = candidates.scope();
    let name = format!("Signatures of {name}");
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
                            let Some(signature) = or_fail(signature(key, searches, counts)) else {
                                continue;
                            };
                            for (_, later, _) in same {
                                let signed = Signed { key: key_of(*later), signature };
                                session.give((signed, ref_of(key), 1));
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
    noted: Vec<(u64, bool, u64)>,
    searches: Option<(Search<u64>, Option<Search<Signed>>)>,
}

/// Returns the signature of a document, unless it is dropped and does not count.
fn signature(
    key: u64,
    (dropped, signatures): &mut (Search<u64>, Option<Search<Signed>>),
    counts: Counts,
) -> Result<Option<Signature>, arrangement::Error> {
    if counts == Counts::Kept && dropped.find(key)?.is_some() {
        return Ok(None);
    }
    let Some(signatures) = signatures else { return Ok(Some(Signature::default())) };
    Ok(signatures.find(signed(key))?.map(|found| found.signature))
}

/// What finds a signature.
pub(super) fn signed(key: u64) -> Signed {
    Signed { key, signature: Signature::default() }
}

/// Returns those of `candidates`, as [`attach`] returns them, that are near.
pub(super) fn compare<'scope>(
    worker: &WorkerContext,
    name: &str,
    candidates: UpdateStream<'scope, Signed>,
    stored: Option<Signatures>,
    similar: Option<Similar>,
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
            let Some(candidates) = or_fail(updates.next_updates()) else {
                search = None;
                return Progress::Done;
            };
            let (Some(similar), Some(stored)) = (&similar, &stored) else {
                edges
                    .extend(candidates.iter().map(|(later, at, _)| (ref_of(later.key), *at, None)));
                return Progress::Continues;
            };
            let search = search.get_or_insert_with(|| stored.borrow().search());
            for same in candidates.chunk_by(|a, b| a.0.key == b.0.key) {
                let key = same[0].0.key;
                let Some(later) = or_fail(search.find(signed(key))) else { continue };
                for (earlier, at, _) in same {
                    if let Some(found) = similar.of(&earlier.signature, &later.signature) {
                        edges.push((ref_of(key), *at, Some(found.to_bits())));
                    }
                }
            }
            Progress::Continues
        },
    )
}
