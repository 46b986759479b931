//! What a revision adds to each dedup-join: before it, the retraction of what is stored for the
//! documents of the revision; after it, the facts about all others.

use crate::index::Index;
use crate::operators::join::{FactStream, UpdateStream};
use crate::worker::WorkerContext;
use arrangement::{Key, Update};
use document::{DocRef, Epoch};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::operator::source;

/// Stored updates that are read before the operator yields: some milliseconds of work.
const STEP: usize = 1 << 20;

/// In a revision, adds to `updates` the retraction of all that is stored for its documents, in the
/// first epoch.
///
/// The keys are found by reading the whole index once: it is ordered by key, not by document.
pub(crate) fn with_retractions<'scope, K: Key>(
    worker: &WorkerContext,
    stored: &Index<K>,
    updates: UpdateStream<'scope, K>,
) -> UpdateStream<'scope, K> {
    let Some(revision) = worker.revision.clone() else { return updates };
    let first_epoch = worker.plan.first_epoch;
    let mut stored = stored.updates();
    type Builder<K> = CapacityContainerBuilder<Vec<Update<K>>>;
    let scope = updates.scope();
    let retractions: StreamVec<'scope, Epoch, Update<K>> =
        source::<_, Builder<K>, _, _>(scope, "Retract", move |cap, info| {
            let activator = scope.activator_for(info.address);
            let mut cap = Some(cap.delayed(&first_epoch));
            move |output| {
                let Some(time) = &cap else { return };
                let (mut session, mut read) = (output.session(time), 0);
                for (key, at, diff) in stored.by_ref().take(STEP) {
                    read += 1;
                    if revision.changing.contains(DocRef(at)) {
                        session.give((key, at, -diff));
                    }
                }
                drop(session);
                if read < STEP {
                    cap = None;
                } else {
                    activator.activate();
                }
            }
        });
    updates.concat(retractions)
}

/// In a revision, returns the facts about documents that it reads, and notes those other documents
/// about which the facts have changed at its end.
pub(crate) fn of_documents_read<'scope, K: Key>(
    worker: &WorkerContext,
    facts: FactStream<'scope, K>,
) -> FactStream<'scope, K> {
    let Some(revision) = worker.revision.clone() else { return facts };
    let (first_epoch, last) = (worker.plan.first_epoch, worker.plan.last_epoch());
    type Builder<K> = CapacityContainerBuilder<Vec<(u64, K, i64)>>;
    facts.unary_frontier::<Builder<K>, _, _, _>(Pipeline, "Facts of others", move |cap, _| {
        // Facts about one key all come from the worker that owns it.
        let mut changes: HashMap<(u64, u64, u64), i64> = HashMap::new();
        // Held until the changes are noted: the revision ends after that.
        let mut until_end = Some(cap.delayed(&last));
        move |(input, frontier), output| {
            input.for_each(|cap, facts| {
                let epoch = *cap.least().expect("a message has a time");
                let is_first = epoch == first_epoch;
                facts.retain(|&(at, key, diff)| {
                    if revision.changing.contains(DocRef(at)) {
                        // Its stored updates are retracted in the first epoch.
                        return !is_first;
                    }
                    match changes.entry((at, key.high(), key.low())) {
                        Entry::Occupied(mut change) => {
                            *change.get_mut() += diff;
                            if *change.get() == 0 {
                                change.remove();
                            }
                        }
                        Entry::Vacant(change) => drop(change.insert(diff)),
                    }
                    false
                });
                output.session(&cap).give_container(facts);
            });
            if frontier.is_empty() && until_end.take().is_some() {
                revision.note_affected(changes.drain().map(|((at, ..), _)| at));
            }
        }
    })
}
