//! `reject_near_repeats`.

use crate::docs::{Docs, WorkerContext};
use crate::operators::blocks::Blocks;
use crate::operators::join::{FactStream, UpdateStream, store};
use crate::operators::keyed::Keys;
use crate::or_fail;
use arrangement::{Arrangement, Update, owner};
use document::{Document, Epoch, Reason};
use std::collections::BTreeMap;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// Comparisons after which others may work: some milliseconds.
const STEP: usize = 1 << 20;

impl Docs<'_> {
    /// Turns away, with `reason`, each document whose `hash` differs in up to `distance_max` bits
    /// (3 to 15) from that of a document before it. One that was turned away here counts as well,
    /// as in RedPajama's books. A document without a hash is not compared.
    ///
    /// Each hash is stored with one worker and compared by all, each with those that it stores; the
    /// engine of the dedup-join makes no difference. Nothing is ever taken back: refs of later
    /// labels are larger.
    ///
    /// State: an update for each document that came this far, in `index`; and in memory, between
    /// all workers, some 40 bytes for each of them.
    pub fn reject_near_repeats(
        self,
        index: &str,
        reason: impl Into<Reason>,
        hash: impl Fn(&Document) -> Option<u64> + 'static,
        distance_max: u32,
    ) -> Self {
        let keys: Keys<u64, ()> =
            Box::new(move |document, keys| keys.extend(hash(document).map(key)));
        let (held, updates) = self.keyed(keys);
        let facts = near_repeats(self.worker.clone(), index, updates, distance_max);
        self.reject_found("Reject near repeats", reason.into(), held, facts)
    }
}

/// Hashes of like texts are alike, and keys of an index are to be spread: so a hash is stored as
/// its product with an odd number, which can be undone.
fn key(hash: u64) -> u64 {
    hash.wrapping_mul(SPREAD)
}

fn hash(key: u64) -> u64 {
    key.wrapping_mul(INVERSE)
}

/// 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// By Newton's method: an odd number inverts itself in its last three bits, and each round doubles
/// them.
const INVERSE: u64 = {
    let (mut inverse, mut round) = (SPREAD, 0);
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(SPREAD.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};

/// Adds `updates` to `index`; a fact `(ref, key, 1)` for each that is near to one of a smaller ref,
/// from each worker that stores such a one.
pub(crate) fn near_repeats<'scope>(
    worker: Rc<WorkerContext>,
    index: &str,
    updates: UpdateStream<'scope, u64>,
    distance_max: u32,
) -> FactStream<'scope, u64> {
    let mut share = Share::open(worker, index, distance_max);
    let name = format!("Compare with {index}");
    let updates = updates.broadcast();
    let scope = updates.scope();
    let last = share.worker.plan.last_epoch();
    type Builder = CapacityContainerBuilder<Vec<(u64, u64, i64)>>;
    updates.unary_frontier::<Builder, _, _, _>(Pipeline, &name, move |cap, info| {
        let activator = scope.activator_for(info.address);
        // Until what the share is at its end is noted.
        let mut until_end = Some(cap.delayed(&last));
        let mut open: BTreeMap<Epoch, (Capability<Epoch>, Comparing)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|cap, updates| {
                let cap = cap.retain_least(0).expect("a message has a time");
                let (_, epoch) =
                    open.entry(*cap.time()).or_insert_with(|| (cap, Comparing::default()));
                epoch.updates.append(updates);
            });
            let Some(mut first) = open.first_entry() else {
                if frontier.is_empty() && until_end.is_some() {
                    share.end();
                    until_end = None;
                }
                return;
            };
            let epoch = *first.key();
            if frontier.less_equal(&epoch) {
                return;
            }
            let (cap, comparing) = first.get_mut();
            if comparing.next == 0 {
                share.store(epoch, frontier.is_empty(), &comparing.updates);
            }
            let mut facts = Vec::new();
            comparing.go_on(&share.blocks, &mut facts);
            output.session(cap).give_container(&mut facts);
            if comparing.next == comparing.updates.len() {
                first.remove();
            }
            activator.activate();
        }
    })
}

/// The hashes of an epoch, and how many of them are compared.
#[derive(Default)]
struct Comparing {
    updates: Vec<Update<u64>>,
    next: usize,
}

impl Comparing {
    fn go_on(&mut self, blocks: &Blocks, facts: &mut Vec<(u64, u64, i64)>) {
        let mut work = 0;
        while work < STEP && self.next < self.updates.len() {
            let (key, at, _) = self.updates[self.next];
            self.next += 1;
            work += 1 + blocks.work(hash(key));
            if blocks.has_before(hash(key), at) {
                facts.push((at, key, 1));
            }
        }
    }
}

/// What one worker stores of an index.
struct Share {
    worker: Rc<WorkerContext>,
    index: String,
    stored: Arrangement<u64>,
    /// The same in memory.
    blocks: Blocks,
}

impl Share {
    fn open(worker: Rc<WorkerContext>, index: &str, distance_max: u32) -> Share {
        let runs = worker.state.get(index).map_or(&[][..], Vec::as_slice);
        let dir = worker.corpus.state_dir();
        let mut stored = or_fail(Arrangement::open(&dir, index, worker.index, worker.peers, runs));
        worker.notes.runs(index, worker.plan.first_epoch - 1, stored.runs());
        let mut blocks = Blocks::new(distance_max);
        or_fail(stored.scan(|(key, at, _)| blocks.insert(hash(key), at)));
        Share { worker, index: index.to_owned(), stored, blocks }
    }

    /// Adds those of a whole epoch's updates that belong here.
    fn store(&mut self, epoch: Epoch, is_last: bool, updates: &[Update<u64>]) {
        let worker = &self.worker;
        let is_mine = |update: &&Update<u64>| owner(update.0, worker.peers) == worker.index;
        let mut mine: Vec<Update<u64>> = updates.iter().filter(is_mine).copied().collect();
        mine.sort_unstable();
        mine.iter().for_each(|(key, at, _)| self.blocks.insert(hash(*key), *at));
        or_fail(self.stored.append(epoch, &mine));
        store(worker, &self.index, &mut self.stored, epoch, is_last);
    }

    /// No epoch follows.
    fn end(&mut self) {
        let last = self.worker.plan.last_epoch();
        store(&self.worker, &self.index, &mut self.stored, last, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::Corpus;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};
    use timely::dataflow::operators::{Input, Probe};
    use timely::dataflow::{InputHandle, ProbeHandle};

    const INDEX: &str = "near";
    const DISTANCE_MAX: u32 = 5;

    /// By how many workers, and the hashes of each epoch, in the order of their refs.
    type Session = (usize, Vec<Vec<u64>>);

    /// The definition: all pairs.
    fn dropped(hashes: &[u64]) -> BTreeSet<u64> {
        let near = |a: u64, b: u64| (a ^ b).count_ones() <= DISTANCE_MAX;
        let is_dropped = |at: &usize| hashes[..*at].iter().any(|other| near(*other, hashes[*at]));
        (0..hashes.len()).filter(is_dropped).map(|at| at as u64).collect()
    }

    /// Those of whom there are facts, when `sessions` come one after the other.
    fn found(sessions: &[Session]) -> BTreeSet<u64> {
        let dir = tempfile::tempdir().unwrap();
        let corpus = Corpus::create(dir.path()).unwrap();
        let found = Arc::new(Mutex::new(BTreeSet::new()));
        let (mut runs, mut epoch, mut at) = (Vec::new(), 1, 0);
        for (workers, epochs) in sessions {
            let left = Arc::new(Mutex::new(Vec::new()));
            let (corpus, epochs, found) = (corpus.clone(), epochs.clone(), found.clone());
            let (leaving, runs_before, first) = (left.clone(), std::mem::take(&mut runs), at);
            at += epochs.iter().map(Vec::len).sum::<usize>() as u64;
            let first_epoch = epoch;
            epoch += epochs.len() as u64;
            let guards = timely::execute(timely::Config::process(*workers), move |worker| {
                let index = (INDEX, &runs_before[..]);
                let engine = crate::Engine::Arrangement;
                let context = Rc::new(WorkerContext::of_join_alone(
                    worker,
                    &corpus,
                    engine,
                    first_epoch,
                    1 << 20,
                    index,
                ));
                let probe = ProbeHandle::new();
                let mut input =
                    InputHandle::<Epoch, CapacityContainerBuilder<Vec<Update<u64>>>>::new();
                let found = found.clone();
                worker.dataflow::<Epoch, _, _>(|scope| {
                    let updates = scope.input_from(&mut input);
                    let facts = near_repeats(context.clone(), INDEX, updates, DISTANCE_MAX);
                    type Builder = CapacityContainerBuilder<Vec<()>>;
                    let gather = facts.unary::<Builder, _, _, _>(Pipeline, "Gather", |_, _| {
                        move |input, _output| {
                            input.for_each(|_, facts| {
                                let facts = facts.drain(..).map(|(at, _, diff)| (at, diff));
                                facts.for_each(|(at, diff)| {
                                    assert_eq!(diff, 1);
                                    found.lock().unwrap().insert(at);
                                });
                            });
                        }
                    });
                    gather.probe_with(&probe);
                });
                let mut at = first;
                for (epoch, hashes) in (first_epoch..).zip(&epochs) {
                    input.advance_to(epoch);
                    for hash in hashes {
                        // Spread over the workers, as documents are.
                        if at as usize % context.peers == context.index {
                            input.send((key(*hash), at, 1));
                        }
                        at += 1;
                    }
                }
                input.close();
                worker.step_while(|| !probe.done());
                leaving.lock().unwrap().extend(context.notes.last_runs(INDEX));
            });
            guards.unwrap().join().into_iter().for_each(|result| result.unwrap());
            runs = std::mem::take(&mut *left.lock().unwrap());
        }
        let stored: u64 = runs.iter().map(|run| run.entries).sum();
        assert_eq!(stored, at, "every hash is stored once");
        std::mem::take(&mut *found.lock().unwrap())
    }

    /// Hashes near to a few centres, some a little too far from them.
    fn sessions() -> impl Strategy<Value = Vec<Session>> {
        let flips = prop::collection::vec(0u32..64, 0..8);
        let hash = (0u64..4, flips).prop_map(|(centre, flips)| {
            let centre = centre.wrapping_mul(0x0123_4567_89ab_cdef);
            flips.into_iter().fold(centre, |hash, bit| hash ^ 1 << bit)
        });
        let epoch = prop::collection::vec(hash, 0..12);
        prop::collection::vec((1usize..5, prop::collection::vec(epoch, 1..4)), 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn a_document_goes_if_one_before_it_is_near(sessions in sessions()) {
            let all: Vec<u64> = sessions.iter().flat_map(|s| s.1.concat()).collect();
            prop_assert_eq!(found(&sessions), dropped(&all));
        }
    }

    #[test]
    fn a_key_gives_its_hash_back() {
        for number in [0, 1, 77, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(hash(key(number)), number);
        }
    }
}
