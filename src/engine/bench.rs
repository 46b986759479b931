//! The dedup-join alone, for `sluice bench dedup`: its keys are generated or read from files.

mod flow;
mod keys;

pub use keys::Keys;

use crate::cluster::{self, Meeting};
use crate::failure::or_fail;
use crate::operators::join::duplicates;
use crate::plan::EpochSizes;
use crate::stored::Effect;
use crate::worker::{Engine, WorkerContext};
use arrangement::{Rule, RunMeta, Update};
use corpus::Corpus;
use document::Epoch;
use flow::{Source, Tally, by_hash_map, count, gather};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use timely::WorkerConfig;
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::Probe;
use timely::worker::Worker;

const INDEX: &str = "paragraphs";

/// The engines that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchEngine {
    /// An engine that a run can have.
    Join(Engine),
    /// A hash map of every key in memory with its first ref: no state on disk, no retractions. An
    /// upper bound on the speed of an engine that keeps all keys in memory.
    Hash,
}

impl BenchEngine {
    fn name(self) -> &'static str {
        match self {
            BenchEngine::Join(engine) => engine.name(),
            BenchEngine::Hash => "hash",
        }
    }
}

/// Appends the next batch of one worker's keys of a dump, or returns why it cannot be read.
pub type KeySource = Box<dyn FnMut(&mut Vec<Update<u64>>) -> Result<KeyBatch, String>>;

/// What a [`KeySource`] appended.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyBatch {
    /// Documents that the keys come from.
    pub documents: u64,
    /// Bytes of their text; bytes of the keys if there is no text.
    pub bytes: u64,
    /// Keys that repeat earlier ones, if that is known.
    pub repeats: Option<u64>,
    /// Whether this is the last batch.
    pub is_last: bool,
}

/// The dumps to add, one after the other. Each is a function from the number of a worker and the
/// number of workers to the keys of that worker.
pub type Dumps = Vec<Arc<dyn Fn(usize, usize) -> KeySource + Send + Sync>>;

/// Settings of a benchmark of the join.
#[derive(Clone, Copy, Debug)]
pub struct BenchOptions {
    /// The engine to measure.
    pub engine: BenchEngine,
    /// Threads of this process.
    pub workers: usize,
    /// Memory of a worker, in bytes.
    pub worker_bytes: u64,
    /// Sizes of the epochs, in keys.
    pub epochs: EpochSizes,
    /// Returns the CPU seconds and the peak memory of this process, in bytes.
    pub measure: fn() -> (f64, u64),
}

impl BenchOptions {
    /// Digest of the options that all processes must have in common.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.engine.name().as_bytes());
        hasher.update(&(self.workers as u64).to_le_bytes());
        hasher.update(format!("{:?} {}", self.epochs, self.worker_bytes).as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// The result of the join for one dump, over all workers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joined {
    /// Documents added.
    pub documents: u64,
    /// Their keys.
    pub keys: u64,
    /// See [`KeyBatch`].
    pub bytes: u64,
    /// Keys that repeat earlier ones, if the sources know.
    pub repeats: Option<u64>,
    /// Duplicate facts found.
    pub facts: u64,
    /// Sum over the refs of the facts: the same for engines that agree.
    pub checksum: u64,
    /// The index afterwards; empty for a hash map.
    pub runs: Vec<RunMeta>,
    /// Resources that the process of each worker had used by then.
    pub used: Vec<Used>,
}

/// Resources that a process has used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Number of the process.
    pub process: usize,
    /// CPU time.
    pub cpu_seconds: f64,
    /// Peak resident memory.
    pub peak_bytes: u64,
}

/// Adds each of `dumps` to the state that the earlier ones left, in a dataflow of its own, as two
/// runs would. Calls `after` with the result of each, in the first process.
///
/// # Errors
/// If the processes have different options, or a thread cannot be started.
pub fn join_dumps(
    corpus: &Corpus,
    mut meeting: Meeting,
    dumps: Dumps,
    options: BenchOptions,
    after: impl Fn(Joined) + Send + Sync + 'static,
) -> Result<(), cluster::Error> {
    meeting.agree(&options.fingerprint())?;
    let process = meeting.process();
    let (allocators, network) = meeting.allocators(options.workers)?;
    let (corpus, after) = (corpus.clone(), Arc::new(after));
    let guards = timely::execute::execute_from(
        allocators,
        network,
        WorkerConfig::default(),
        move |worker| {
            let mut bench = WorkerBench {
                corpus: corpus.clone(),
                options,
                process,
                sent: Rc::default(),
                runs: Vec::new(),
                map: Rc::default(),
            };
            // The epochs of two dumps are far apart, so that they never overlap.
            for (first_epoch, dump) in (1..).step_by(1 << 32).zip(&dumps) {
                let source = dump(worker.index(), worker.peers());
                let joined = bench.join(worker, source, first_epoch);
                if worker.index() == 0 {
                    after(joined);
                }
            }
        },
    );
    for result in guards.map_err(cluster::Error::Start)?.join() {
        or_fail(result);
    }
    meeting.finish();
    Ok(())
}

/// First ref of each key.
type FirstRefs = Rc<RefCell<HashMap<u64, u64, FixedState>>>;

/// What a worker keeps from one dump to the next.
struct WorkerBench {
    corpus: Corpus,
    options: BenchOptions,
    process: usize,
    /// Keys that its sources have sent.
    sent: Rc<Cell<u64>>,
    runs: Vec<RunMeta>,
    map: FirstRefs,
}

impl WorkerBench {
    /// Adds the keys of `source`, in epochs from `first_epoch` on. Returns, at worker 0, the result
    /// over all workers.
    fn join(&mut self, worker: &mut Worker, source: KeySource, first_epoch: Epoch) -> Joined {
        let engine = match self.options.engine {
            BenchEngine::Join(engine) => engine,
            BenchEngine::Hash => Engine::default(),
        };
        let (memory, index) = (self.options.worker_bytes, (INDEX, &self.runs[..]));
        let context =
            WorkerContext::of_join_alone(worker, &self.corpus, engine, first_epoch, memory, index);
        let (context, probe, gate) = (Rc::new(context), ProbeHandle::new(), ProbeHandle::new());
        let (tally, total) = (Tally::default(), Arc::<Mutex<Joined>>::default());
        worker.dataflow::<Epoch, _, _>(|scope| {
            let source = Source {
                keys: source,
                first_epoch,
                epochs: self.options.epochs,
                sent: self.sent.clone(),
                peers: context.peers as u64,
                tally: tally.clone(),
                probe: gate.clone(),
            };
            let updates = source.updates(scope);
            let facts = match self.options.engine {
                BenchEngine::Join(_) => {
                    duplicates(context.clone(), INDEX, updates, Rule::first_of_all(), &Effect::Cut)
                }
                BenchEngine::Hash => by_hash_map(updates, context.peers, self.map.clone()),
            };
            // The source waits for this point. The operators after it wait for the end of all epochs.
            let facts = facts.probe_with(&gate);
            let (notes, process) = (context.notes.clone(), self.process);
            let (measure, of_report) = (self.options.measure, tally.clone());
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
