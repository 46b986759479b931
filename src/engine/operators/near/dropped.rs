//! The documents that are dropped.

use super::{DroppedFact, dropped_of, key_of};
use crate::index::{Index, More};
use crate::revision::Revising;
use crate::worker::WorkerContext;
use arrangement::{Batch, Error, Search, Signed, Update, owner};
use document::{DocRef, Epoch};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

/// One worker's share of the dropped documents, which several operators use.
///
/// The decisions of an epoch follow from those of the epoch before. They do not go back through the
/// dataflow, which would be a loop: the operator that stores them and those that need them are on the same
/// worker, share this, and wait for each other.
pub(super) struct Dropped {
    index: Index<u64>,
    /// All epochs before this one are stored; `None` if all are.
    next: Option<Epoch>,
    /// Operators that may wait.
    waiting: Vec<Activator>,
    /// In a revision: by how much it has changed whether a document is dropped.
    changes: HashMap<u64, i64>,
    /// In a revision: the documents that are read again and are compared by something else now, with a number
    /// that stands for the difference.
    signatures: HashMap<u64, u64>,
}

/// See [`Dropped`].
pub(super) type Shared = Rc<RefCell<Dropped>>;

impl Dropped {
    /// Whether the decisions of all epochs before `epoch` are stored.
    pub fn has_all_before(&self, epoch: Epoch) -> bool {
        self.next.is_none_or(|next| next >= epoch)
    }

    /// Has an operator activated when more is stored.
    pub fn waits(&mut self, activator: Activator) {
        self.waiting.push(activator);
    }

    /// Makes empty batches for keys of this share.
    pub fn batches(&self) -> impl Fn() -> Batch<u64> + use<> {
        self.index.batches()
    }

    /// Returns lookups in what is stored now, by [`key_of`].
    pub fn search(&self) -> Search<u64> {
        self.index.search()
    }

    /// In a revision, at its end: whether a document was dropped before, and whether it is.
    pub fn was_and_is(&self, at: u64, search: &mut Search<u64>) -> Result<(bool, bool), Error> {
        let is_dropped = search.find(key_of(at))?.is_some();
        let change = self.changes.get(&at).copied().unwrap_or_default();
        Ok((i64::from(is_dropped) != change, is_dropped))
    }

    /// In a revision, at its end: whether the signature of a document that was read again is another one.
    pub fn has_changed(&self, at: u64) -> bool {
        self.signatures.contains_key(&at)
    }

    /// Whether the decisions of all epochs are stored.
    pub fn has_all(&self) -> bool {
        self.next.is_none()
    }

    /// Notes what [`noted`] returned.
    pub fn note_signatures(&mut self, noted: Vec<(u64, u64)>) {
        for (at, difference) in noted {
            let sum = self.signatures.entry(at).or_default();
            *sum = sum.wrapping_add(difference);
            if *sum == 0 {
                self.signatures.remove(&at);
            }
        }
    }

    fn store(&mut self, epoch: Epoch, more: More, updates: &[Update<u64>], is_revision: bool) {
        self.index.append(epoch, more, updates);
        if is_revision {
            for (_, at, diff) in updates {
                *self.changes.entry(*at).or_default() += diff;
            }
        }
    }

    fn stored_up_to(&mut self, next: Option<Epoch>) {
        if self.next != next {
            self.next = next;
            self.waiting.iter().for_each(Activator::activate);
        }
    }
}

impl Dropped {
    /// Opens the share as the manifest has it.
    pub fn open(worker: &Rc<WorkerContext>, name: &str) -> Shared {
        Rc::new(RefCell::new(Dropped {
            index: Index::open(worker.clone(), &dropped_of(name)),
            next: Some(worker.plan.first_epoch),
            waiting: Vec::new(),
            changes: HashMap::new(),
            signatures: HashMap::new(),
        }))
    }
}

/// In a revision, returns what is added and retracted of documents that are read again: the ref, and a
/// number that stands for the update. All that is retracted and added again adds up to 0.
pub(super) fn noted(revision: &Revising, updates: &[Update<Signed>]) -> Vec<(u64, u64)> {
    let is_read = |update: &&Update<Signed>| revision.read.contains(DocRef(update.1));
    let mixed = |signed: &Signed| {
        signed.signature.iter().fold(0u64, |sum, word| {
            (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        })
    };
    let read = updates.iter().filter(is_read);
    read.map(|(signed, at, diff)| (*at, mixed(signed).wrapping_mul(*diff as u64))).collect()
}

/// Stores the documents of the facts, and returns the facts.
pub(super) fn store<'scope>(
    worker: &Rc<WorkerContext>,
    name: &str,
    facts: StreamVec<'scope, Epoch, DroppedFact>,
    shared: &Shared,
) -> StreamVec<'scope, Epoch, DroppedFact> {
    let peers = worker.peers;
    let route = Exchange::new(move |fact: &DroppedFact| owner(key_of(fact.0), peers) as u64);
    let (shared, worker) = (shared.clone(), worker.clone());
    let last = worker.plan.last_epoch();
    let scope = facts.scope();
    let name = format!("Store {}", dropped_of(name));
    type Builder = CapacityContainerBuilder<Vec<DroppedFact>>;
    facts.unary_frontier::<Builder, _, _, _>(route, &name, move |cap, info| {
        let activator = scope.activator_for(info.address);
        type Open = (Capability<Epoch>, Vec<DroppedFact>, Vec<Update<u64>>);
        let mut open: BTreeMap<Epoch, Open> = BTreeMap::new();
        let is_revision = worker.revision.is_some();
        if let Some(revision) = &worker.revision {
            let first = worker.plan.first_epoch;
            let is_read = |update: &Update<u64>| revision.changing.contains(DocRef(update.1));
            let stored = shared.borrow().index.updates().filter(is_read);
            let retractions = stored.map(|(key, at, diff)| (key, at, -diff)).collect();
            open.insert(first, (cap.delayed(&first), Vec::new(), retractions));
        }
        // Held until the final runs are noted.
        let mut until_end = Some(cap.delayed(&last));
        move |(input, frontier), output| {
            input.for_each(|cap, facts| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let (_, of_epoch, updates) =
                    open.entry(*cap.time()).or_insert_with(|| (cap, Vec::new(), Vec::new()));
                updates.extend(facts.iter().map(|fact| (key_of(fact.0), fact.0, 1)));
                of_epoch.append(facts);
            });
            let mut shared = shared.borrow_mut();
            if let Some(first) = open.first_entry()
                && !frontier.less_equal(first.key())
            {
                let (epoch, (cap, mut facts, mut updates)) = first.remove_entry();
                arrangement::consolidate(&mut updates);
                let more = if frontier.is_empty() { More::None } else { More::MayFollow };
                shared.store(epoch, more, &updates, is_revision);
                output.session(&cap).give_container(&mut facts);
                activator.activate();
            }
            let waiting = open.first_key_value().map(|(epoch, _)| *epoch);
            let coming = frontier.frontier().first().copied();
            shared.stored_up_to(waiting.into_iter().chain(coming).min());
            if waiting.is_none() && coming.is_none() && until_end.take().is_some() {
                shared.index.finish();
            }
        }
    })
}
