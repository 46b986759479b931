//! The documents that are affected by a revision, and that it does not read.
//!
//! A document is affected by a smaller one of its bands with which it was compared and no longer is, or
//! is now: because that counts or not, or is among the first of the band or not. To lose one matters only
//! if it is dropped; to gain one only if they are near.

use super::compare::{Signatures, signed};
use super::dropped::Shared;
use super::{Candidates, Change, Counts, DroppedFact, Near, key_of, ref_of};
use crate::failure::or_fail;
use crate::operators::join::{Event, Progress, UpdateStream, by_epoch};
use crate::revision::Revising;
use crate::worker::WorkerContext;
use arrangement::{Error, Search, Signature, Signed, owner};
use document::Epoch;
use std::rc::Rc;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// What has happened to a document, for a later one: the diffs of updates, which may be added up.
const LOST: i64 = 1;
const GAINED: i64 = 2;
/// It has another text, or it is both: in one band it was lost, and in another one gained.
const CHANGED: i64 = LOST + GAINED;

/// The indexes of a worker.
pub(super) struct Indexes {
    pub dropped: Shared,
    pub signatures: Option<Signatures>,
    pub near: Near,
}

/// At the end of a revision, notes the documents that it does not read and that may be affected by it.
/// Sends nothing.
///
/// `candidates` has the documents of all bands that it changed, at its end.
pub(super) fn effects<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    candidates: StreamVec<'scope, Epoch, Candidates>,
    revision: Arc<Revising>,
    indexes: Indexes,
) -> StreamVec<'scope, Epoch, DroppedFact> {
    let Indexes { dropped, signatures, near } = indexes;
    let counts = near.counts;
    let changed = changed(worker, name, candidates, (dropped.clone(), counts), signatures.clone());
    let name = format!("Affected by {name}");
    let new_batch = worker.batches(&name);
    by_epoch(
        &name,
        worker,
        changed,
        |_| None,
        new_batch,
        move |event, _| {
            let Event::Epoch { updates, .. } = event else { return Progress::Done };
            let mut search = dropped.borrow().search();
            let mut signatures = signatures.as_ref().map(|stored| stored.borrow().search());
            while let Some(changes) = or_fail(updates.next_updates()) {
                for same in changes.chunk_by(|a, b| a.0.key == b.0.key) {
                    let key = same[0].0.key;
                    let is_dropped = or_fail(search.find(key)).is_some();
                    let signature = signatures.as_mut().and_then(|s| or_fail(s.find(signed(key))));
                    let is_near = |earlier: &Signed| match (near.similar, signature) {
                        (Some(similar), Some(later)) => {
                            similar.of(&earlier.signature, &later.signature).is_some()
                        }
                        _ => true,
                    };
                    let is_affected = same.iter().any(|(earlier, _, what)| match *what {
                        LOST => is_dropped,
                        GAINED => is_near(earlier),
                        _ => true,
                    });
                    revision.note_affected(is_affected.then(|| ref_of(key)).into_iter());
                }
            }
            Progress::Done
        },
    )
}

/// Returns the earlier documents that have become candidates of later ones or no longer are: the key of the
/// later one with the signature of the earlier one, the ref of this, and what has happened to it.
fn changed<'scope>(
    worker: &WorkerContext,
    name: &str,
    candidates: StreamVec<'scope, Epoch, Candidates>,
    (dropped, counts): (Shared, Counts),
    signatures: Option<Signatures>,
) -> UpdateStream<'scope, Signed> {
    let peers = worker.peers;
    let route = Exchange::new(move |found: &Candidates| owner(key_of(found.earlier), peers) as u64);
    let scope = candidates.scope();
    let name = format!("Changes of {name}");
    let mut changes = worker.batches::<u64>(&name)();
    type Builder = CapacityContainerBuilder<Vec<(Signed, u64, i64)>>;
    candidates.unary_frontier::<Builder, _, _, _>(route, &name, move |_, info| {
        let activator = scope.activator_for(info.address.clone());
        dropped.borrow_mut().waits(scope.activator_for(info.address));
        let mut open: Option<Capability<Epoch>> = None;
        let mut searches: Option<Searches> = None;
        move |(input, frontier), output| {
            input.for_each(|cap, found| {
                // Others are of epochs that must not be held open.
                found.retain(|found| found.change.is_some());
                if found.is_empty() {
                    return;
                }
                open.get_or_insert_with(|| cap.retain_least(0).expect("a message has a time"));
                or_fail(changes.extend(found.drain(..).filter_map(|found| {
                    Some((key_of(found.earlier), found.later, found.change?.mark()))
                })));
            });
            let dropped = dropped.borrow();
            if !frontier.is_empty() || !dropped.has_all() {
                return;
            }
            let Some(cap) = &open else { return };
            let searches = searches.get_or_insert_with(|| {
                let signatures = signatures.as_ref().map(|stored| stored.borrow().search());
                (dropped.search(), signatures)
            });
            let Some(changes) = or_fail(changes.next_updates()) else {
                open = None;
                return;
            };
            let mut session = output.session(cap);
            for same in changes.chunk_by(|a, b| a.0 == b.0) {
                let at = ref_of(same[0].0);
                let (was_dropped, is_dropped) = match counts {
                    Counts::All => (false, false),
                    Counts::Kept => or_fail(dropped.was_and_is(at, &mut searches.0)),
                };
                let signature = or_fail(signature_of(at, &mut searches.1));
                for (_, later, marks) in same {
                    let of = |change: Change| {
                        let was = change.was && !was_dropped;
                        let is = change.is && !is_dropped;
                        match (was, is) {
                            (true, true) if dropped.has_changed(at) => CHANGED,
                            (true, false) => LOST,
                            (false, true) => GAINED,
                            _ => 0,
                        }
                    };
                    let what = Change::of(*marks).map(of).fold(0, |all, what| all | what);
                    if what != 0 {
                        let signature = if what == LOST { Signature::default() } else { signature };
                        session.give((Signed { key: key_of(*later), signature }, at, what));
                    }
                }
            }
            activator.activate();
        }
    })
}

/// Lookups in the dropped documents and in the signatures.
type Searches = (Search<u64>, Option<Search<Signed>>);

/// Returns the signature of a document; zeros if it is not stored.
fn signature_of(at: u64, search: &mut Option<Search<Signed>>) -> Result<Signature, Error> {
    let Some(search) = search else { return Ok(Signature::default()) };
    Ok(search.find(signed(key_of(at)))?.map_or(Signature::default(), |found| found.signature))
}
