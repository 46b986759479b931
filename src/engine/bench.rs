//! The dedup-join alone, on made-up keys: for `sluice bench dedup`.

use crate::docs::{Engine, WorkerContext};
use crate::operators::join::{FactStream, UpdateStream, duplicates};
use crate::or_fail;
use arrangement::{Rule, RunMeta, Update, owner};
use corpus::Corpus;
use document::Epoch;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{ProbeHandle, Scope};

/// Keys sent at a time.
const BATCH_KEYS: u64 = 1 << 14;

/// Epochs under way at once, as in a run.
const EPOCHS_OPEN: u64 = 2;

/// The engines that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchEngine {
    /// One of those that a run can have.
    Join(Engine),
    /// A hash map of every key in memory, first ref each: no state on disk, no retraction. The
    /// limit of speed for what keeps all keys in memory.
    Hash,
}

/// Made-up keys: uniform, a share of them repeats of earlier ones.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Which keys of the endless sequence to add.
    pub range: Range<u64>,
    /// The share that repeats an earlier key, 0 to 1.
    pub duplicates: f64,
    /// Keys in an epoch.
    pub epoch: u64,
}

/// What the join made of the keys.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// Duplicate facts given.
    pub facts: u64,
    /// Sum over the refs of the facts: equal for engines that agree.
    pub checksum: u64,
    /// The index afterwards; empty for a hash map.
    pub runs: Vec<RunMeta>,
}

/// Adds each of `parts` to what `runs` in the corpus hold, calling `between` after each.
///
/// Each part has a dataflow of its own, opened on what the one before it left, as two dumps have.
/// Hash maps, which are not on disk, are handed on as they are.
pub fn join_keys(
    corpus: &Corpus,
    engine: BenchEngine,
    workers: usize,
    parts: &[Keys],
    mut between: impl FnMut(&Joined),
) {
    let maps = Maps::default();
    let mut runs = Vec::new();
    let mut epoch = 1;
    for part in parts {
        let joined = run(corpus, engine, workers, part, epoch, &runs, &maps);
        epoch += part.epochs();
        between(&joined);
        runs = joined.runs;
    }
}

/// The hash maps of all workers, between parts.
type Maps = Arc<Mutex<BTreeMap<usize, HashMap<u64, u64, FixedState>>>>;

impl Keys {
    fn epochs(&self) -> u64 {
        (self.range.end - self.range.start).div_ceil(self.epoch)
    }

    /// What one of several workers makes of an epoch.
    fn share(&self, epoch: u64, worker: u64, workers: u64) -> Range<u64> {
        let start = self.range.start + epoch * self.epoch;
        let length = self.epoch.min(self.range.end - start);
        start + length * worker / workers..start + length * (worker + 1) / workers
    }

    /// The key at a place of the sequence.
    fn key(&self, place: u64) -> u64 {
        let chance = mix(place ^ 0x5EED) as f64 / u64::MAX as f64;
        let original = match chance < self.duplicates && place > 0 {
            true => mix(place ^ 0xFEED) % place,
            false => place,
        };
        mix(original)
    }
}

/// SplitMix64's finalizer: a bijection that looks random.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

fn run(
    corpus: &Corpus,
    engine: BenchEngine,
    workers: usize,
    keys: &Keys,
    first_epoch: Epoch,
    runs: &[RunMeta],
    maps: &Maps,
) -> Joined {
    const INDEX: &str = "paragraphs";
    let joined = Arc::new(Mutex::new(Joined::default()));
    let (corpus, keys, shared) = (corpus.clone(), keys.clone(), joined.clone());
    let (runs, maps) = (runs.to_vec(), maps.clone());
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let join = match engine {
            BenchEngine::Join(engine) => engine,
            BenchEngine::Hash => Engine::default(),
        };
        let index = (INDEX, &runs[..]);
        let context =
            Rc::new(WorkerContext::of_join_alone(worker, &corpus, join, first_epoch, index));
        let probe = ProbeHandle::new();
        let sums = shared.clone();
        worker.dataflow::<Epoch, _, _>(|scope| {
            let updates = updates(scope, &context, keys.clone(), first_epoch, probe.clone());
            let facts = match engine {
                BenchEngine::Join(_) => {
                    duplicates(context.clone(), INDEX, updates, Rule::first_of_all())
                }
                BenchEngine::Hash => by_hash_map(updates, &context, maps.clone()),
            };
            count(facts, sums).probe_with(&probe);
        });
        while !probe.done() {
            worker.step_or_park(Some(Duration::from_millis(10)));
        }
        let left = context.notes.last_runs(INDEX);
        shared.lock().expect("no worker panicked").runs.extend(left);
    });
    for result in or_fail(guards).join() {
        or_fail(result);
    }
    std::mem::take(&mut *joined.lock().expect("no worker panicked"))
}

/// Each worker makes its part of each epoch's keys.
fn updates<'scope>(
    scope: Scope<'scope, Epoch>,
    context: &WorkerContext,
    keys: Keys,
    first_epoch: Epoch,
    probe: ProbeHandle<Epoch>,
) -> UpdateStream<'scope, u64> {
    type Builder = CapacityContainerBuilder<Vec<Update<u64>>>;
    let (index, peers) = (context.index as u64, context.peers as u64);
    source::<_, Builder, _, _>(scope, "Keys", move |cap, info| {
        let activator = scope.activator_for(info.address);
        let mut cap = Some(cap);
        let mut epoch = 0;
        let mut rest = keys.share(0, index, peers);
        move |output| {
            let Some(time) = cap.as_mut() else { return };
            if rest.is_empty() {
                epoch += 1;
                if epoch == keys.epochs() {
                    cap = None;
                    return;
                }
                rest = keys.share(epoch, index, peers);
                time.downgrade(&(first_epoch + epoch));
            }
            let blocks = epoch >= EPOCHS_OPEN;
            if blocks && probe.less_equal(&(first_epoch + epoch - EPOCHS_OPEN)) {
                return activator.activate_after(Duration::from_micros(500));
            }
            time.downgrade(&(first_epoch + epoch));
            let end = (rest.start + BATCH_KEYS).min(rest.end);
            let batch = (rest.start..end).map(|place| (keys.key(place), place, 1));
            output.session(&*time).give_iterator(batch);
            rest.start = end;
            activator.activate();
        }
    })
}

/// The first ref of each key in a map: the smaller one stays within an epoch, the older one before.
fn by_hash_map<'scope>(
    updates: UpdateStream<'scope, u64>,
    context: &WorkerContext,
    maps: Maps,
) -> FactStream<'scope, u64> {
    let (index, peers) = (context.index, context.peers);
    type Builder = CapacityContainerBuilder<Vec<(u64, u64, i64)>>;
    let route = Exchange::new(move |update: &Update<u64>| owner(update.0, peers) as u64);
    updates.unary_frontier::<Builder, _, _, _>(route, "Hash map", move |cap, _| {
        drop(cap);
        let mut map = maps.lock().expect("no worker panicked").remove(&index).unwrap_or_default();
        move |(input, frontier), output| {
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
            if frontier.is_empty() && !map.is_empty() {
                let map = std::mem::take(&mut map);
                maps.lock().expect("no worker panicked").insert(index, map);
            }
        }
    })
}

fn count<'scope>(
    facts: FactStream<'scope, u64>,
    sums: Arc<Mutex<Joined>>,
) -> FactStream<'scope, u64> {
    type Builder = CapacityContainerBuilder<Vec<(u64, u64, i64)>>;
    facts.unary::<Builder, _, _, _>(Pipeline, "Count", move |_, _| {
        move |input, _output| {
            input.for_each(|_, facts| {
                let mut sums = sums.lock().expect("no worker panicked");
                sums.facts += facts.len() as u64;
                let refs = facts.iter().map(|fact| fact.0);
                sums.checksum = refs.fold(sums.checksum, u64::wrapping_add);
                facts.clear();
            });
        }
    })
}
