//! Documents on their way through a slice.

use crate::notes::Notes;
use crate::plan::Plan;
use arrangement::RunMeta;
use corpus::Corpus;
use document::{Document, Epoch};
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
    pub held: HeldBytes,
}

impl WorkerContext {
    /// What the join of one index needs where there is nothing else: no documents, no plan.
    pub fn of_join_alone(
        worker: &timely::worker::Worker,
        corpus: &Corpus,
        engine: Engine,
        first_epoch: Epoch,
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
            held: HeldBytes { limit: 0, used: Default::default() },
        }
    }
}

/// The memory that documents waiting in a worker's holds may take, and what they take.
pub(crate) struct HeldBytes {
    pub limit: usize,
    pub used: std::cell::Cell<usize>,
}

impl<'scope> Docs<'scope> {
    pub(crate) fn with_stream(self, stream: StreamVec<'scope, Epoch, Document>) -> Self {
        Docs { stream, ..self }
    }
}
