//! A graph over a list of documents in memory.

use crate::docs::Docs;
use crate::operators::steps::Sharing;
use crate::plan::{EpochSizes, Plan, Work};
use crate::worker::WorkerContext;
use corpus::{Corpus, Position};
use document::{DocRef, Document, Epoch};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, StreamVec};

/// Memory of each worker, in bytes.
const MEMORY_PER_WORKER: u64 = 1 << 20;

/// Runs `graph` over `documents` on `workers` threads of this process and returns the documents, kept
/// and rejected, in their order. For tests and examples: nothing is left on disk.
///
/// The documents get refs in the order of the list. Those with the same label (`at.label()`, 0 unless
/// it is set) must be next to each other. Each label is one epoch, and earlier labels take precedence.
///
/// # Panics
///
/// If labels are not in ascending order, or the system has no space for temporary files.
///
/// # Examples
///
/// ```
/// use document::Document;
///
/// let texts = ["a text", "", "another text"];
/// let documents = texts.map(|text| Document { text: text.into(), ..Document::default() });
/// let documents = engine::funnel(documents, 2, |docs| {
///     docs.reject("empty", |document| document.text.is_empty())
/// });
/// let verdicts = documents.iter().map(|document| document.verdict.as_deref());
/// assert!(verdicts.eq([None, Some("empty"), None]));
/// ```
pub fn funnel(
    documents: impl IntoIterator<Item = Document>,
    workers: usize,
    graph: impl for<'scope> Fn(Docs<'scope>) -> Docs<'scope> + Send + Sync + 'static,
) -> Vec<Document> {
    let dir = tempfile::tempdir().expect("space for temporary files");
    let corpus = Corpus::create(dir.path()).expect("space for temporary files");
    let documents = numbered(documents);
    let plan = Arc::new(plan(&documents, workers));
    let results = Arc::new(Mutex::new(Vec::new()));
    let collected = results.clone();
    let sharing = Arc::new(Sharing::new(workers));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let context = Rc::new(WorkerContext::new(
            worker,
            &corpus,
            plan.clone(),
            MEMORY_PER_WORKER,
            sharing.clone(),
        ));
        let probe = ProbeHandle::new();
        let mut input = InputHandle::<Epoch, CapacityContainerBuilder<Vec<Document>>>::new();
        worker.dataflow::<Epoch, _, _>(|scope| {
            let stream = scope.input_from(&mut input);
            let docs = graph(Docs::new(stream, context.clone()));
            collect(docs.into_parts().0, collected.clone()).probe_with(&probe);
        });
        let labels = documents.chunk_by(|a, b| a.at.label() == b.at.label());
        for (epoch, documents) in (plan.first_epoch..).zip(labels) {
            input.advance_to(epoch);
            for document in documents {
                let home = plan.home(document.at.label(), document.at.source());
                if home == Some(context.index) {
                    input.send(document.clone());
                }
            }
        }
        input.close();
        worker.step_while(|| !probe.done());
    });
    let guards = guards.expect("threads can be started");
    guards.join().into_iter().for_each(|result| result.expect("no worker panicked"));
    let mut results = std::mem::take(&mut *results.lock().expect("no worker panicked"));
    results.sort_by_key(|document: &Document| document.at);
    results
}

/// The documents with their refs: each is the only record of a source.
fn numbered(documents: impl IntoIterator<Item = Document>) -> Vec<Document> {
    let mut documents: Vec<Document> = documents.into_iter().collect();
    assert!(documents.is_sorted_by_key(|document| document.at.label()), "labels are in order");
    for label in documents.chunk_by_mut(|a, b| a.at.label() == b.at.label()) {
        for (source, document) in (0..).zip(label) {
            document.at = DocRef::new(document.at.label(), source, 0);
        }
    }
    documents
}

/// A plan with one epoch for each label.
fn plan(documents: &[Document], workers: usize) -> Plan {
    let work = documents.chunk_by(|a, b| a.at.label() == b.at.label()).map(|label| Work {
        label: label[0].at.label(),
        before: 0,
        sizes: vec![1; label.len()],
        from: Position::default(),
        groups: Some(vec![0]),
        only: None,
    });
    Plan::new(1, &work.collect::<Vec<_>>(), workers, EpochSizes::equal(1))
}

/// Appends the documents of a stream to `results`.
fn collect<'scope>(
    documents: StreamVec<'scope, Epoch, Document>,
    results: Arc<Mutex<Vec<Document>>>,
) -> StreamVec<'scope, Epoch, ()> {
    type Builder = CapacityContainerBuilder<Vec<()>>;
    documents.unary::<Builder, _, _, _>(Pipeline, "Collect", move |_, _| {
        move |input, _output| {
            input.for_each(|_, batch| {
                results.lock().expect("no worker panicked").append(batch);
            });
        }
    })
}
