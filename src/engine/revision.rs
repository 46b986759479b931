//! A revision: a run over documents of earlier commits, which takes some out of the indexes and
//! reads others again.
//!
//! In its first epoch it retracts all that is stored for its documents. In the next ones it reads
//! some of them again and passes them through the graphs of their slices, which store what they
//! store now. The facts that the joins emit in between say which other documents are affected: the
//! next copy of a text that is gone, say. These are the documents of the next revision. A graph has
//! a few joins in a chain, and a change at one of them can only affect the joins after it, so there
//! are at most as many revisions as joins, plus one.
//!
//! A revision commits nothing.

use crate::failure::or_fail;
use crate::operators::steps::Sharing;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::run::{Graph, Graphs, Options};
use crate::selection::Selection;
use crate::source::{Exclude, Offsets, Reader, ReaderAt};
use crate::worker::WorkerContext;
use arrangement::{Arrangement, Key, RunMeta, Signed};
use corpus::{Corpus, EpochReport, Manifest};
use document::Epoch;
use formats::parallel;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::{ProbeHandle, StreamVec};

/// What the operators of a revision share.
pub(crate) struct Revising {
    /// Its documents: those that are taken out, and those that are read again.
    pub changing: Arc<Selection>,
    /// Of these, the documents that are read again.
    pub read: Arc<Selection>,
    /// How to read single records of each slice.
    pub readers_at: BTreeMap<&'static str, ReaderAt>,
    pub offsets: Arc<Offsets>,
    pub(crate) affected: Mutex<Vec<u64>>,
}

impl Revising {
    /// Notes that facts about these documents have changed.
    pub fn note_affected(&self, refs: impl Iterator<Item = u64>) {
        self.affected.lock().unwrap_or_else(PoisonError::into_inner).extend(refs);
    }

    /// Returns the documents that were noted, in order.
    pub fn take_affected(&self) -> Vec<u64> {
        let noted = &mut *self.affected.lock().unwrap_or_else(PoisonError::into_inner);
        let mut affected = std::mem::take(noted);
        affected.sort_unstable();
        affected.dedup();
        affected
    }
}

/// The work of a revision.
pub struct Revision {
    /// The labels of the corpus, and its indexes as they are now.
    pub manifest: Manifest,
    /// All documents of the revision.
    pub changing: Arc<Selection>,
    /// Of these, the documents that are read again.
    pub read: Arc<Selection>,
    /// Which worker reads which sources: a [`Plan::of_revision`].
    pub plan: Plan,
    /// Reader and graph of each slice.
    pub slices: BTreeMap<&'static str, (Reader, Graph)>,
    /// Graph for the documents of all slices together, after the graphs of the slices.
    pub together: Option<Graph>,
    /// How to read single records of each slice, where that can be done.
    pub readers_at: BTreeMap<&'static str, ReaderAt>,
    /// Where the documents that are read again begin in their sources. If one is missing, its source is
    /// read from the beginning.
    pub offsets: Arc<Offsets>,
    /// Counters that the revision updates.
    pub progress: Progress,
    /// Marks documents that are excluded from the corpus.
    pub exclude: Option<Exclude>,
}

/// What came of a revision.
#[derive(Debug, Default)]
pub struct Revised {
    /// The parts that were written, with the documents that were read again, in order.
    pub reports: Vec<EpochReport>,
    /// Documents of earlier commits about which facts have changed, in order.
    pub affected: Vec<u64>,
    /// The runs of every index afterwards.
    pub state: BTreeMap<String, Vec<RunMeta>>,
}

/// Runs a revision on the workers of this process.
///
/// # Errors
/// If a thread cannot be started. Errors of workers end the process.
pub fn revise(corpus: &Corpus, job: Revision, options: &Options) -> Result<Revised, String> {
    let revising = Arc::new(Revising {
        changing: job.changing.clone(),
        read: job.read.clone(),
        readers_at: job.readers_at.clone(),
        offsets: job.offsets.clone(),
        affected: Mutex::default(),
    });
    let reports = Arc::new(Mutex::new(Vec::new()));
    let job = Arc::new(job);
    let (of_workers, written, shared) = (job.clone(), reports.clone(), revising.clone());
    let (options, corpus) = (options.clone(), corpus.clone());
    let sharing = Arc::new(Sharing::new(options.workers));
    parallel::set_helpers(options.workers);
    let guards = timely::execute(timely::Config::process(options.workers), move |worker| {
        let job = &of_workers;
        let plan = Arc::new(job.plan.clone());
        let memory = options.memory_bytes / options.workers as u64;
        let context = Rc::new(WorkerContext {
            engine: options.engine,
            state: job.manifest.state.clone(),
            revision: Some(shared.clone()),
            ..WorkerContext::new(worker, &corpus, plan, memory, sharing.clone())
        });
        let probe = ProbeHandle::new();
        worker.dataflow(|scope| {
            let graphs = Graphs {
                labels: &job.manifest.labels,
                slices: &job.slices,
                together: job.together.as_ref(),
                exclude: job.exclude.as_ref(),
                strict: false,
                progress: &job.progress,
            };
            let reports = graphs.build(scope, &context, &probe);
            collect(reports, written.clone()).probe_with(&probe);
        });
        while !probe.done() {
            worker.step_or_park(Some(std::time::Duration::from_millis(10)));
        }
    })?;
    for result in guards.join() {
        or_fail(result);
    }
    let mut reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    reports.sort_by_key(|report: &EpochReport| (report.epoch, report.worker));
    let mut state = job.manifest.state.clone();
    for epoch in reports.chunk_by(|a, b| a.epoch == b.epoch) {
        let mut runs: BTreeMap<String, Vec<RunMeta>> = BTreeMap::new();
        for (index, of_worker) in epoch.iter().flat_map(|report| &report.runs) {
            runs.entry(index.clone()).or_default().extend_from_slice(of_worker);
        }
        state.extend(runs);
    }
    Ok(Revised { reports, affected: revising.take_affected(), state })
}

/// Appends the reports of a stream to `written`.
fn collect<'scope>(
    reports: StreamVec<'scope, Epoch, EpochReport>,
    written: Arc<Mutex<Vec<EpochReport>>>,
) -> StreamVec<'scope, Epoch, ()> {
    type Builder = CapacityContainerBuilder<Vec<()>>;
    reports.unary::<Builder, _, _, _>(Pipeline, "Collect reports", move |_, _| {
        move |input, _output| {
            input.for_each(|_, batch| {
                written.lock().unwrap_or_else(PoisonError::into_inner).append(batch);
            });
        }
    })
}

/// Merges the runs of each index that has retractions, on as many threads as there are `workers`.
/// Returns the runs of every index afterwards.
///
/// # Errors
/// If a run cannot be read or written, or is damaged.
pub fn compact(
    dir: &Path,
    state: &BTreeMap<String, Vec<RunMeta>>,
    epoch: Epoch,
    workers: usize,
) -> Result<BTreeMap<String, Vec<RunMeta>>, arrangement::Error> {
    let mut compact = state.clone();
    for (index, runs) in &mut compact {
        if !runs.iter().any(|run| run.retractions) {
            continue;
        }
        let share = match runs[0].key_bytes {
            <u64 as Key>::BYTES => share_of::<u64>,
            <Signed as Key>::BYTES => share_of::<Signed>,
            _ => share_of::<u128>,
        };
        let shares = std::thread::scope(|scope| {
            let (index, all) = (&*index, &*runs);
            let one = |worker| scope.spawn(move || share(dir, index, all, epoch, worker, workers));
            let threads: Vec<_> = (0..workers).map(one).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
        })?;
        *runs = shares.concat();
    }
    Ok(compact)
}

/// Merges one worker's share of an index.
fn share_of<K: Key>(
    dir: &Path,
    index: &str,
    runs: &[RunMeta],
    epoch: Epoch,
    worker: usize,
    workers: usize,
) -> Result<Vec<RunMeta>, arrangement::Error> {
    let mut share = Arrangement::<K>::open(dir, index, worker, workers, runs)?;
    share.compact(epoch)?;
    Ok(share.runs())
}
