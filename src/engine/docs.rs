//! Documents on their way through a slice.

use crate::notes::Notes;
use crate::plan::Plan;
use arrangement::RunMeta;
use corpus::Corpus;
use document::{Document, Epoch};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use timely::dataflow::StreamVec;

/// Documents on their way through a slice, those turned away among them, in the order of their
/// refs within each worker.
///
/// A document that is turned away stays in the stream, without its text and with its reason, and
/// later operators pass it by: so none can be lost, and the ledger comes out in order.
pub struct Docs<'scope> {
    pub(crate) stream: StreamVec<'scope, Epoch, Document>,
    pub(crate) worker: Rc<WorkerContext>,
}

/// What stands behind the dedup-join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The durable arrangement.
    #[default]
    Arrangement,
    /// Differential's reduce, all in memory.
    Differential,
}

/// What the operators of one worker need beside their input.
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
}

impl WorkerContext {
    /// What the join of one index needs where there is nothing else: no documents, no plan.
    pub fn of_join_alone(
        worker: &timely::worker::Worker,
        corpus: &Corpus,
        engine: Engine,
        first_epoch: Epoch,
        memory_bytes: u64,
        (index, runs): (&str, &[RunMeta]),
    ) -> WorkerContext {
        WorkerContext {
            index: worker.index(),
            peers: worker.peers(),
            corpus: corpus.clone(),
            plan: Arc::new(Plan::new(first_epoch, &[], worker.peers(), 1)),
            engine,
            state: BTreeMap::from([(index.to_owned(), runs.to_vec())]),
            notes: Notes::default(),
            memory: Memory::of_worker(memory_bytes),
        }
    }
}

/// What may stay in a worker's memory before it goes to disk, in bytes.
pub(crate) struct Memory {
    /// Documents waiting in holds.
    pub held_limit: usize,
    /// What they take.
    pub held: Cell<usize>,
    /// Updates of one index in one epoch.
    pub updates_limit: usize,
    /// Facts of one index in one epoch.
    pub facts_limit: usize,
}

impl Memory {
    /// The limits of a worker that may take `bytes`: a quarter for held documents, another for the
    /// updates of two indexes in two epochs, an eighth for the facts of these. The rest is for what
    /// is read ahead, and for models.
    pub fn of_worker(bytes: u64) -> Memory {
        let bytes = bytes as usize;
        Memory {
            held_limit: bytes / 4,
            held: Cell::new(0),
            updates_limit: bytes / 16,
            facts_limit: bytes / 32,
        }
    }
}

impl<'scope> Docs<'scope> {
    pub(crate) fn with_stream(self, stream: StreamVec<'scope, Epoch, Document>) -> Self {
        Docs { stream, ..self }
    }
}
