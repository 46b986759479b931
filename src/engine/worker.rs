//! What the operators of one worker share.

use crate::notes::Notes;
use crate::operators::steps::Sharing;
use crate::plan::{EpochSizes, Plan};
use crate::replay::Recorder;
use crate::revision::Revising;
use arrangement::{Batch, Key, RunMeta};
use corpus::Corpus;
use document::Epoch;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use timely::worker::Worker;

/// The implementation of the dedup-join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The durable arrangement.
    #[default]
    Arrangement,
    /// Differential's reduce, with all keys in memory.
    Differential,
}

impl Engine {
    /// Name of the engine in fingerprints.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Arrangement => "arrangement",
            Engine::Differential => "differential",
        }
    }
}

/// What the operators of one worker need besides their input.
pub(crate) struct WorkerContext {
    pub index: usize,
    pub peers: usize,
    pub corpus: Corpus,
    pub plan: Arc<Plan>,
    pub engine: Engine,
    /// Runs of each index at the start.
    pub state: BTreeMap<String, Vec<RunMeta>>,
    pub notes: Notes,
    pub memory: Memory,
    /// What the workers of the process share.
    pub sharing: Arc<Sharing>,
    /// How many operators that are shared this worker has built.
    pub shared: Cell<usize>,
    /// What is revised, if the run is a revision.
    pub revision: Option<Arc<Revising>>,
    /// Records what happens, if this is a replay and not a run.
    pub replay: Option<Rc<Recorder>>,
}

impl WorkerContext {
    /// The context of a dedup-join that runs alone: without documents and with an empty plan.
    pub fn of_join_alone(
        worker: &Worker,
        corpus: &Corpus,
        engine: Engine,
        first_epoch: Epoch,
        memory_bytes: u64,
        (index, runs): (&str, &[RunMeta]),
    ) -> WorkerContext {
        let plan = Arc::new(Plan::new(first_epoch, &[], worker.peers(), EpochSizes::equal(1)));
        let alone = Arc::new(Sharing::new(1));
        WorkerContext {
            engine,
            state: BTreeMap::from([(index.to_owned(), runs.to_vec())]),
            ..WorkerContext::new(worker, corpus, plan, memory_bytes, alone)
        }
    }

    /// The context of a worker that may use `memory_bytes`, with the default engine and empty indexes,
    /// in a run that is neither a revision nor a replay.
    pub fn new(
        worker: &Worker,
        corpus: &Corpus,
        plan: Arc<Plan>,
        memory_bytes: u64,
        sharing: Arc<Sharing>,
    ) -> WorkerContext {
        WorkerContext {
            index: worker.index(),
            peers: worker.peers(),
            corpus: corpus.clone(),
            plan,
            engine: Engine::default(),
            state: BTreeMap::new(),
            notes: Notes::default(),
            memory: Memory::of_worker(memory_bytes),
            sharing,
            shared: Cell::new(0),
            revision: None,
            replay: None,
        }
    }

    /// Makes empty batches for updates whose keys this worker owns. They are of no index; `name` is that of
    /// the file to which they spill, while it is written.
    pub fn batches<K: Key>(&self, name: &str) -> impl Fn() -> Batch<K> + use<K> {
        let (worker, workers, limit) = (self.index, self.peers, self.memory.updates_limit);
        let name = name.replace(' ', "-");
        let path = self.corpus.tmp_dir().join(format!("{name}-{worker:04}.spill"));
        move || Batch::of_share(worker, workers, limit, path.clone())
    }

    /// Returns the number of the next operator that the workers of the process share: all build them
    /// in the same order.
    pub fn next_shared(&self) -> usize {
        self.shared.replace(self.shared.get() + 1)
    }
}

/// Limits on what a worker keeps in memory before it spills to disk, in bytes.
pub(crate) struct Memory {
    /// Documents that wait in holds.
    pub held_limit: usize,
    /// Bytes that these take now.
    pub held: Cell<usize>,
    /// Their number.
    pub held_documents: Cell<u64>,
    /// Documents that wait on disk.
    pub spilled_documents: Cell<u64>,
    /// Updates of one index in one epoch.
    pub updates_limit: usize,
    /// Facts of one index in one epoch.
    pub facts_limit: usize,
}

impl Memory {
    /// Counts documents that begin to wait in memory or on disk, or, if negative, no longer do.
    pub fn count(&self, in_memory: bool, documents: i64) {
        let counter = if in_memory { &self.held_documents } else { &self.spilled_documents };
        counter.set(counter.get().saturating_add_signed(documents));
    }

    /// The limits of a worker that may use `bytes`: a quarter for held documents, a quarter for the
    /// updates of two indexes in two epochs, an eighth for their facts. The rest is for read-ahead
    /// and models.
    pub fn of_worker(bytes: u64) -> Memory {
        let bytes = bytes as usize;
        Memory {
            held_limit: bytes / 4,
            held: Cell::new(0),
            held_documents: Cell::new(0),
            spilled_documents: Cell::new(0),
            updates_limit: bytes / 16,
            facts_limit: bytes / 32,
        }
    }
}
