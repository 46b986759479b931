//! The sink of the dataflow: writes files for each epoch, and commits that name them.

use crate::failure::or_fail;
use crate::progress::Progress;
use crate::worker::WorkerContext;
use arrangement::RunMeta;
use corpus::{Corpus, EpochReport, Label, Manifest, PartWriter, crash};
use document::{Document, Epoch};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

/// How often to commit within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitEvery {
    /// When this time has passed since the last commit.
    Time(Duration),
    /// When this many bytes of text have been read since the last commit.
    Bytes(u64),
}

impl Default for CommitEvery {
    fn default() -> Self {
        CommitEvery::Time(Duration::from_secs(600))
    }
}

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
                    or_fail(part.push(document));
                }
                let kept = batch.iter().filter(|document| document.is_kept()).count();
                progress.finished(number, batch.len() as u64, kept as u64);
                batch.clear();
            });
            while next < worker.plan.end_epoch() && !frontier.less_equal(&next) {
                let mut report =
                    EpochReport { epoch: next, worker: worker.index, ..EpochReport::default() };
                if let Some(part) = open.remove(&next) {
                    (report.counts, report.segment, report.ledger) = or_fail(part.finish());
                }
                worker.notes.report(next, &mut report);
                let cap = cap.as_mut().expect("held until the last epoch");
                output.session(&cap.delayed(&next)).give(report);
                next += 1;
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
    manifest: Manifest,
    every: CommitEvery,
) -> StreamVec<'scope, Epoch, ()> {
    type Builder = CapacityContainerBuilder<Vec<()>>;
    let route = Exchange::new(|_: &EpochReport| 0);
    reports.unary_frontier::<Builder, _, _, _>(route, "Commit", move |_cap, _| {
        let mut open: BTreeMap<Epoch, (Vec<EpochReport>, _)> = BTreeMap::new();
        let mut committer = Committer::new(&worker, manifest, every);
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
                or_fail(committer.take(reports));
            }
        }
    })
}

/// Builds the next manifest.
struct Committer {
    worker: Rc<WorkerContext>,
    manifest: Manifest,
    /// State files in the last manifest.
    named: BTreeSet<String>,
    /// State files written since. The next commit removes those that a merge has replaced before any
    /// manifest named them. Files that a manifest named are removed one commit later, see
    /// `corpus::sweep`.
    written: BTreeSet<String>,
    every: CommitEvery,
    last: Instant,
    bytes: u64,
}

impl Committer {
    fn new(worker: &Rc<WorkerContext>, manifest: Manifest, every: CommitEvery) -> Committer {
        let named = run_files(&manifest.state).collect();
        let (written, last) = (BTreeSet::new(), Instant::now());
        Committer { worker: worker.clone(), manifest, named, written, every, last, bytes: 0 }
    }

    /// Adds the reports of the next epoch, and commits if it is time.
    fn take(&mut self, mut reports: Vec<EpochReport>) -> Result<(), corpus::Error> {
        reports.sort_by_key(|report| report.worker);
        let epoch = reports[0].epoch;
        let plan = &self.worker.plan;
        let label = &mut self.manifest.labels[plan.label_of(epoch) as usize];
        label.position = plan.position_after(epoch);
        self.manifest.next_epoch = epoch + 1;
        let mut state: BTreeMap<String, Vec<RunMeta>> = BTreeMap::new();
        for report in reports {
            self.bytes += report.counts.bytes_read;
            label.counts.add(&report.counts);
            label.segments.extend(report.segment);
            label.ledger.extend(report.ledger);
            label.defects_count += report.defects_count;
            let free = corpus::DEFECTS_LISTED_MAX.saturating_sub(label.defects.len());
            label.defects.extend(report.defects.into_iter().take(free));
            if let (Some(position), Some(after)) = (report.position, &mut label.position) {
                *after = position;
            }
            for (index, runs) in report.runs {
                state.entry(index).or_default().extend(runs);
            }
        }
        // The entries of indexes that no graph of this run uses stay as they are.
        self.manifest.state.extend(state);
        self.written.extend(run_files(&self.manifest.state));
        let due = match self.every {
            CommitEvery::Time(time) => self.last.elapsed() >= time,
            CommitEvery::Bytes(bytes) => self.bytes >= bytes,
        };
        if due || epoch + 1 == plan.end_epoch() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), corpus::Error> {
        self.manifest.commit += 1;
        let corpus: &Corpus = &self.worker.corpus;
        corpus.commit(&self.manifest)?;
        let now: BTreeSet<String> = run_files(&self.manifest.state).collect();
        let never_named = |file: &&String| !now.contains(*file) && !self.named.contains(*file);
        corpus.remove(self.written.iter().filter(never_named).cloned())?;
        crash::point("commit-ended");
        self.named = now;
        self.written.clear();
        (self.last, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

fn run_files(state: &BTreeMap<String, Vec<RunMeta>>) -> impl Iterator<Item = String> + '_ {
    state.values().flatten().map(|run| format!("state/{}", run.name))
}
