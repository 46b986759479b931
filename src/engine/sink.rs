//! The sink of the dataflow: writes files for each epoch, and has them committed.

use crate::commits::Commits;
use crate::failure::or_fail;
use crate::progress::Progress;
use crate::worker::WorkerContext;
use corpus::{EpochReport, Label, PartWriter};
use document::{Document, Epoch};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// Writes the documents of each epoch to files, and reports them when the epoch ends.
///
/// Every worker reports every epoch, even if it had no documents in it.
pub(crate) fn write<'scope>(
    documents: StreamVec<'scope, Epoch, Document>,
    worker: Rc<WorkerContext>,
    labels: Arc<Vec<Arc<Label>>>,
    progress: Progress,
) -> StreamVec<'scope, Epoch, EpochReport> {
    type Builder = CapacityContainerBuilder<Vec<EpochReport>>;
    documents.unary_frontier::<Builder, _, _, _>(Pipeline, "Write", move |cap, _| {
        let mut cap = Some(cap);
        let mut next = worker.plan.first_epoch;
        let mut open: BTreeMap<Epoch, PartWriter> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|time, batch| {
                let epoch = *time.least().expect("a message has a time");
                let number = worker.plan.label_of(epoch);
                let part = open.entry(epoch).or_insert_with(|| {
                    let label = labels[number as usize].clone();
                    PartWriter::new(&worker.corpus, label, epoch, worker.index)
                });
                for document in batch.iter_mut() {
                    // In every slice, after the fields that the slice sets.
                    if let Some(tokens) = document.scores.tokens {
                        document.meta.set("tokens", tokens as usize);
                    }
                    let witness = document
                        .witness
                        .map(|witness| labels[witness.at.label() as usize].document_id(witness.at));
                    or_fail(part.push(document, witness));
                }
                progress.finished(number, batch);
                batch.clear();
            });
            while next < worker.plan.end_epoch() && !frontier.less_equal(&next) {
                let mut report =
                    EpochReport { epoch: next, worker: worker.index, ..EpochReport::default() };
                if let Some(part) = open.remove(&next) {
                    report.set_files(or_fail(part.finish()));
                }
                worker.notes.report(next, &mut report);
                let cap = cap.as_mut().expect("held until the last epoch");
                output.session(&cap.delayed(&next)).give(report);
                next += 1;
                progress.written(worker.index, next);
                // So that this epoch can end before the next one does.
                cap.downgrade(&next);
            }
            if next == worker.plan.end_epoch() {
                cap = None;
            }
        }
    })
}

/// Gathers the reports of each epoch at worker 0, and commits from time to time and at the end.
pub(crate) fn commit<'scope>(
    reports: StreamVec<'scope, Epoch, EpochReport>,
    worker: Rc<WorkerContext>,
    commits: Commits,
) -> StreamVec<'scope, Epoch, ()> {
    type Builder = CapacityContainerBuilder<Vec<()>>;
    let route = Exchange::new(|_: &EpochReport| 0);
    reports.unary_frontier::<Builder, _, _, _>(route, "Commit", move |_cap, _| {
        let mut open: BTreeMap<Epoch, (Vec<EpochReport>, _)> = BTreeMap::new();
        move |(input, frontier), _output| {
            input.for_each(|cap, batch| {
                for report in batch.drain(..) {
                    // The capability keeps the epoch open, for the flow control of the sources, until
                    // all its reports are processed.
                    let cap = cap.retain_least(0).expect("a message has a time");
                    let epoch = open.entry(report.epoch).or_insert_with(|| (Vec::new(), cap));
                    epoch.0.push(report);
                }
            });
            while let Some(first) = open.first_entry() {
                if frontier.less_equal(first.key()) {
                    break;
                }
                let (reports, _cap) = first.remove();
                assert_eq!(reports.len(), worker.peers, "every worker reports every epoch");
                or_fail(commits.take(reports));
            }
        }
    })
}
