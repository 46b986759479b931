//! Documents on their way through a slice.

use crate::operators::steps::{Step, steps};
use crate::worker::WorkerContext;
use document::{Document, Epoch};
use std::rc::Rc;
use timely::dataflow::StreamVec;

/// A stream of documents, kept and rejected, in the order of their refs within each worker.
///
/// A rejected document stays in the stream, without its text and with its reason, and later
/// operators skip it. So no document can be lost, and the ledger comes out in order.
pub struct Docs<'scope> {
    stream: StreamVec<'scope, Epoch, Document>,
    worker: Rc<WorkerContext>,
    /// Steps that follow. They become one operator, before the next one that needs more than a
    /// document.
    steps: Vec<Step>,
}

impl<'scope> Docs<'scope> {
    pub(crate) fn new(
        stream: StreamVec<'scope, Epoch, Document>,
        worker: Rc<WorkerContext>,
    ) -> Docs<'scope> {
        Docs { stream, worker, steps: Vec::new() }
    }

    /// What their worker knows.
    pub(crate) fn worker(&self) -> &WorkerContext {
        &self.worker
    }

    /// Adds a step.
    pub(crate) fn with_step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Returns the documents after all steps, and what their worker knows.
    pub(crate) fn into_parts(self) -> (StreamVec<'scope, Epoch, Document>, Rc<WorkerContext>) {
        let stream = match self.steps.len() {
            0 => self.stream,
            _ => steps(self.stream, self.worker.clone(), self.steps),
        };
        (stream, self.worker)
    }
}
