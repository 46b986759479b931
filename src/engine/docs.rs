//! Documents on their way through a slice.

use crate::worker::WorkerContext;
use document::{Document, Epoch};
use std::rc::Rc;
use timely::dataflow::StreamVec;

/// A stream of documents, kept and rejected, in the order of their refs within each worker.
///
/// A rejected document stays in the stream, without its text and with its reason, and later
/// operators skip it. So no document can be lost, and the ledger comes out in order.
pub struct Docs<'scope> {
    pub(crate) stream: StreamVec<'scope, Epoch, Document>,
    pub(crate) worker: Rc<WorkerContext>,
}

impl<'scope> Docs<'scope> {
    pub(crate) fn with_stream(self, stream: StreamVec<'scope, Epoch, Document>) -> Self {
        Docs { stream, ..self }
    }
}
