//! The dedup-join alone, on keys that are made up or read from files: for `sluice bench dedup`.

use crate::cluster::{self, Meeting};
use crate::docs::{Engine, WorkerContext};
use crate::operators::join::{FactStream, UpdateStream, duplicates};
use crate::or_fail;
use arrangement::{Rule, RunMeta, Update, owner};
use corpus::Corpus;
use document::Epoch;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use timely::WorkerConfig;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{ProbeHandle, Scope, StreamVec};
use timely::worker::Worker;

/// Keys made at a time.
const BATCH_KEYS: u64 = 1 << 14;

/// Memory of a worker, in bytes.
const MEMORY_PER_WORKER: u64 = 2 << 30;

/// Epochs under way at once, as in a run.
const EPOCHS_OPEN: u64 = 2;

const INDEX: &str = "paragraphs";

/// The engines that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchEngine {
    /// One of those that a run can have.
    Join(Engine),
    /// A hash map of every key in memory, first ref each: no state on disk, no retraction. The
    /// limit of speed for what keeps all keys in memory.
    Hash,
}

/// One worker's keys of a dump, some at a time, or why they cannot be read.
pub type Feed = Box<dyn FnMut(&mut Vec<Update<u64>>) -> Result<Fed, String>>;

/// What a [`Feed`] added.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fed {
    /// Documents that the keys are of.
    pub documents: u64,
    /// Bytes of their text; of the keys, where there is no text.
    pub bytes: u64,
    /// Nothing more will come.
    pub is_last: bool,
}

/// The dumps to be added one after the other: each gives the feed of a worker, among so many.
pub type Dumps = Vec<Arc<dyn Fn(usize, usize) -> Feed + Send + Sync>>;

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

/// What the join made of a dump, over all workers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joined {
    /// What came in.
    pub documents: u64,
    /// Their keys.
    pub keys: u64,
    /// See [`Fed`].
    pub bytes: u64,
    /// Duplicate facts given.
    pub facts: u64,
    /// Sum over the refs of the facts: equal for engines that agree.
    pub checksum: u64,
    /// The index afterwards; empty for a hash map.
    pub runs: Vec<RunMeta>,
    /// What each worker's process had used up by then.
    pub used: Vec<Used>,
}

/// What a process has used up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Its number.
    pub process: usize,
    /// Processor time.
    pub cpu_seconds: f64,
    /// The most memory resident at once.
    pub peak_bytes: u64,
}

/// Adds each of `dumps` to what those before it left, in a dataflow of its own, as two dumps have,
/// and hands what became of it to `after`, in the first process.
///
/// `epoch_keys` are the keys of an epoch over all workers; `measure` gives the CPU seconds and the
/// peak memory of this process.
///
/// # Errors
/// When the processes cannot work together.
pub fn join_dumps(
    corpus: &Corpus,
    engine: BenchEngine,
    workers: usize,
    mut meeting: Meeting,
    (dumps, epoch_keys): (Dumps, u64),
    measure: fn() -> (f64, u64),
    after: impl Fn(Joined) + Send + Sync + 'static,
) -> Result<(), cluster::Error> {
    let what = format!("{engine:?} {workers} {epoch_keys}");
    meeting.agree(blake3::hash(what.as_bytes()).as_bytes())?;
    let process = meeting.process();
    let (allocators, network) = meeting.allocators(workers)?;
    let (corpus, after) = (corpus.clone(), Arc::new(after));
    let guards = timely::execute::execute_from(
        allocators,
        network,
        WorkerConfig::default(),
        move |worker| {
            let mut bench = WorkerBench {
                corpus: corpus.clone(),
                engine,
                epoch_keys: epoch_keys.div_ceil(worker.peers() as u64),
                process,
                measure,
                runs: Vec::new(),
                map: Rc::default(),
            };
            // Dumps are far apart in time: none comes to the epochs of the next.
            for (first_epoch, dump) in (1..).step_by(1 << 32).zip(&dumps) {
                let feed = dump(worker.index(), worker.peers());
                let joined = bench.join(worker, feed, first_epoch);
                if worker.index() == 0 {
                    after(joined);
                }
            }
        },
    );
    for result in guards.map_err(cluster::Error::Start)?.join() {
        or_fail(result);
    }
    Ok(())
}

impl Keys {
    /// What one of several workers makes of all epochs.
    pub fn feed(self, worker: usize, workers: usize) -> Feed {
        let (mut epoch, mut rest) = (0, self.share(0, worker, workers));
        Box::new(move |updates| {
            while rest.is_empty() && epoch + 1 < self.epochs() {
                epoch += 1;
                rest = self.share(epoch, worker, workers);
            }
            let end = (rest.start + BATCH_KEYS).min(rest.end);
            updates.extend((rest.start..end).map(|place| (self.key(place), place, 1)));
            let count = end - rest.start;
            rest.start = end;
            let is_last = rest.is_empty() && epoch + 1 == self.epochs();
            Ok(Fed { documents: count, bytes: 8 * count, is_last })
        })
    }

    fn epochs(&self) -> u64 {
        (self.range.end - self.range.start).div_ceil(self.epoch)
    }

    /// What one of several workers makes of an epoch.
    fn share(&self, epoch: u64, worker: usize, workers: usize) -> Range<u64> {
        let (worker, workers) = (worker as u64, workers as u64);
        let start = self.range.start + epoch * self.epoch;
        let length = self.epoch.min(self.range.end - start);
        start + length * worker / workers..start + length * (worker + 1) / workers
    }

    /// The key at a place of the sequence.
    fn key(&self, mut place: u64) -> u64 {
        // A repeat may repeat a repeat.
        while place > 0 && (mix(place ^ 0x5EED) as f64) < self.duplicates * u64::MAX as f64 {
            place = mix(place ^ 0xFEED) % place;
        }
        mix(place)
    }
}

/// SplitMix64's finalizer: a bijection that looks random.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// What a worker keeps from one dump to the next.
struct WorkerBench {
    corpus: Corpus,
    engine: BenchEngine,
    /// Keys that this worker sends in an epoch.
    epoch_keys: u64,
    process: usize,
    measure: fn() -> (f64, u64),
    runs: Vec<RunMeta>,
    map: Rc<RefCell<HashMap<u64, u64, FixedState>>>,
}

impl WorkerBench {
    /// Adds what `feed` gives, in epochs from `first_epoch` on. At worker 0: what all workers made
    /// of it.
    fn join(&mut self, worker: &mut Worker, feed: Feed, first_epoch: Epoch) -> Joined {
        let engine = match self.engine {
            BenchEngine::Join(engine) => engine,
            BenchEngine::Hash => Engine::default(),
        };
        let (memory, index) = (MEMORY_PER_WORKER, (INDEX, &self.runs[..]));
        let context =
            WorkerContext::of_join_alone(worker, &self.corpus, engine, first_epoch, memory, index);
        let (context, probe, gate) = (Rc::new(context), ProbeHandle::new(), ProbeHandle::new());
        let (tally, total) = (Tally::default(), Arc::<Mutex<Joined>>::default());
        worker.dataflow::<Epoch, _, _>(|scope| {
            let source = Source {
                feed,
                first_epoch,
                epoch_keys: self.epoch_keys,
                tally: tally.clone(),
                probe: gate.clone(),
            };
            let updates = source.updates(scope);
            let facts = match self.engine {
                BenchEngine::Join(_) => {
                    duplicates(context.clone(), INDEX, updates, Rule::first_of_all())
                }
                BenchEngine::Hash => by_hash_map(updates, context.peers, self.map.clone()),
            };
            // What comes after waits for the end of all epochs.
            let facts = facts.probe_with(&gate);
            let (notes, process, measure) = (context.notes.clone(), self.process, self.measure);
            let of_report = tally.clone();
            let report = move || {
                let (cpu_seconds, peak_bytes) = measure();
                let used = vec![Used { process, cpu_seconds, peak_bytes }];
                Joined { runs: notes.last_runs(INDEX), used, ..of_report.take() }
            };
            gather(count(facts, tally.clone(), report), total.clone()).probe_with(&probe);
        });
        while !probe.done() {
            worker.step_or_park(Some(Duration::from_millis(10)));
        }
        self.runs = context.notes.last_runs(INDEX);
        std::mem::take(&mut *total.lock().expect("no worker panicked"))
    }
}

/// What a worker has seen so far.
type Tally = Rc<RefCell<Joined>>;

/// Sends the keys of a feed, gated as the sources of a run are.
struct Source {
    feed: Feed,
    first_epoch: Epoch,
    epoch_keys: u64,
    tally: Tally,
    probe: ProbeHandle<Epoch>,
}

impl Source {
    fn updates(mut self, scope: Scope<'_, Epoch>) -> UpdateStream<'_, u64> {
        type Builder = CapacityContainerBuilder<Vec<Update<u64>>>;
        source::<_, Builder, _, _>(scope, "Keys", move |cap, info| {
            let activator = scope.activator_for(info.address);
            let mut cap = Some(cap);
            let (mut epoch, mut sent, mut batch) = (self.first_epoch, 0, Vec::new());
            move |output| {
                let Some(time) = cap.as_mut() else { return };
                time.downgrade(&epoch);
                if epoch - self.first_epoch >= EPOCHS_OPEN
                    && self.probe.less_equal(&(epoch - EPOCHS_OPEN))
                {
                    return activator.activate_after(Duration::from_micros(500));
                }
                let fed = or_fail((self.feed)(&mut batch));
                let mut tally = self.tally.borrow_mut();
                tally.documents += fed.documents;
                tally.bytes += fed.bytes;
                tally.keys += batch.len() as u64;
                sent += batch.len() as u64;
                output.session(&*time).give_iterator(batch.drain(..));
                if sent >= self.epoch_keys {
                    (epoch, sent) = (epoch + 1, 0);
                }
                match fed.is_last {
                    true => cap = None,
                    false => activator.activate(),
                }
            }
        })
    }
}

/// The first ref of each key in a map: the smaller one stays within an epoch, the older one before.
fn by_hash_map(
    updates: UpdateStream<'_, u64>,
    peers: usize,
    map: Rc<RefCell<HashMap<u64, u64, FixedState>>>,
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

/// Counts the facts, and gives `report` when there are no more.
fn count(
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

/// Adds up the reports of all workers, at the first.
fn gather(
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
                    total.facts = total.facts.wrapping_add(report.facts);
                    total.checksum = total.checksum.wrapping_add(report.checksum);
                    total.runs.extend(report.runs);
                    total.used.extend(report.used);
                }
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_keys_repeat_as_often_as_asked() {
        let keys = Keys { range: 0..200_000, duplicates: 0.3, epoch: 30_000 };
        let mut updates = Vec::new();
        for worker in 0..3 {
            let mut feed = keys.clone().feed(worker, 3);
            while !feed(&mut updates).unwrap().is_last {}
        }
        assert_eq!(updates.len(), 200_000);
        let mut distinct: Vec<u64> = updates.iter().map(|update| update.0).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let repeats = 1.0 - distinct.len() as f64 / updates.len() as f64;
        assert!((repeats - 0.3).abs() < 0.01, "{repeats}");
    }
}
