//! The operators around the join: the source of its keys, and the sums of its facts.

use super::{FirstRefs, Joined, KeySource};
use crate::failure::or_fail;
use crate::operators::join::{FactStream, UpdateStream};
use crate::plan::EpochSizes;
use arrangement::{Update, owner};
use document::Epoch;
use hashbrown::hash_map::Entry;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{ProbeHandle, Scope, StreamVec};

/// Epochs in flight at once, as in a run.
const EPOCHS_OPEN: u64 = 2;

/// The counts of one worker so far.
pub(super) type Tally = Rc<RefCell<Joined>>;

/// Sends the keys of a worker under the flow control of the sources of a run.
pub(super) struct Source {
    pub keys: KeySource,
    pub first_epoch: Epoch,
    pub epochs: EpochSizes,
    /// Keys that this worker has sent in earlier dumps, and in this one.
    pub sent: Rc<Cell<u64>>,
    pub peers: u64,
    pub tally: Tally,
    pub probe: ProbeHandle<Epoch>,
}

impl Source {
    pub fn updates(mut self, scope: Scope<'_, Epoch>) -> UpdateStream<'_, u64> {
        type Builder = CapacityContainerBuilder<Vec<Update<u64>>>;
        source::<_, Builder, _, _>(scope, "Keys", move |cap, info| {
            let activator = scope.activator_for(info.address);
            let mut cap = Some(cap);
            let (mut epoch, mut updates) = (self.first_epoch, Vec::new());
            // Every worker has about as many keys as this one.
            let (epochs, peers) = (self.epochs, self.peers);
            let end = move |sent: u64| sent + epochs.after(sent * peers).div_ceil(peers);
            let mut epoch_end = end(self.sent.get());
            move |output| {
                let Some(time) = cap.as_mut() else { return };
                time.downgrade(&epoch);
                if epoch - self.first_epoch >= EPOCHS_OPEN
                    && self.probe.less_equal(&(epoch - EPOCHS_OPEN))
                {
                    return activator.activate_after(Duration::from_micros(500));
                }
                let read = or_fail((self.keys)(&mut updates));
                let mut tally = self.tally.borrow_mut();
                tally.documents += read.documents;
                tally.bytes += read.bytes;
                tally.keys += updates.len() as u64;
                if let Some(repeats) = read.repeats {
                    *tally.repeats.get_or_insert_default() += repeats;
                }
                self.sent.set(self.sent.get() + updates.len() as u64);
                output.session(&*time).give_iterator(updates.drain(..));
                if self.sent.get() >= epoch_end {
                    (epoch, epoch_end) = (epoch + 1, end(self.sent.get()));
                }
                if read.is_last {
                    cap = None;
                } else {
                    activator.activate();
                }
            }
        })
    }
}

/// Finds duplicates with a map from each key to its first ref.
pub(super) fn by_hash_map(
    updates: UpdateStream<'_, u64>,
    peers: usize,
    map: FirstRefs,
) -> FactStream<'_, u64> {
    type Builder = CapacityContainerBuilder<Vec<(u64, u64, i64)>>;
    let route = Exchange::new(move |update: &Update<u64>| owner(update.0, peers) as u64);
    updates.unary::<Builder, _, _, _>(route, "Hash map", move |_cap, _| {
        move |input, output| {
            let mut map = map.borrow_mut();
            input.for_each(|cap, updates| {
                let mut facts = output.session(&cap);
                for (key, at, _) in updates.drain(..) {
                    match map.entry(key) {
                        Entry::Vacant(free) => {
                            free.insert(at);
                        }
                        Entry::Occupied(mut taken) => {
                            let first = (*taken.get()).min(at);
                            facts.give(((*taken.get()).max(at), key, 1));
                            taken.insert(first);
                        }
                    }
                }
            });
        }
    })
}

/// Counts the facts, and sends `report` when there are no more.
pub(super) fn count(
    facts: FactStream<'_, u64>,
    tally: Tally,
    report: impl Fn() -> Joined + 'static,
) -> StreamVec<'_, Epoch, Joined> {
    type Builder = CapacityContainerBuilder<Vec<Joined>>;
    facts.unary_frontier::<Builder, _, _, _>(Pipeline, "Count", move |cap, _| {
        let mut cap = Some(cap);
        move |(input, frontier), output| {
            input.for_each(|_, facts| {
                let mut tally = tally.borrow_mut();
                for (at, _, count) in facts.drain(..) {
                    tally.facts = tally.facts.wrapping_add_signed(count);
                    let sum = at.wrapping_mul(count as u64);
                    tally.checksum = tally.checksum.wrapping_add(sum);
                }
            });
            if frontier.is_empty()
                && let Some(cap) = cap.take()
            {
                output.session(&cap).give(report());
            }
        }
    })
}

/// Adds up the reports of all workers, at worker 0.
pub(super) fn gather(
    reports: StreamVec<'_, Epoch, Joined>,
    total: Arc<Mutex<Joined>>,
) -> StreamVec<'_, Epoch, ()> {
    type Builder = CapacityContainerBuilder<Vec<()>>;
    let first = Exchange::new(|_: &Joined| 0);
    reports.unary::<Builder, _, _, _>(first, "Gather", move |_, _| {
        move |input, _output| {
            input.for_each(|_, reports| {
                let mut total = total.lock().expect("no worker panicked");
                for report in reports.drain(..) {
                    total.documents += report.documents;
                    total.keys += report.keys;
                    total.bytes += report.bytes;
                    if let Some(repeats) = report.repeats {
                        *total.repeats.get_or_insert_default() += repeats;
                    }
                    total.facts = total.facts.wrapping_add(report.facts);
                    total.checksum = total.checksum.wrapping_add(report.checksum);
                    total.runs.extend(report.runs);
                    total.used.extend(report.used);
                }
            });
        }
    })
}
