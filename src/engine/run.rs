//! One run: the graphs of all slices in one dataflow, on all workers.

use crate::cluster::{self, Meeting};
use crate::commits::{CommitEvery, Commits};
use crate::docs::Docs;
use crate::failure::or_fail;
use crate::operators::steps::Sharing;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::sink::{commit, write};
use crate::source::{Exclude, Reader, Reading, source};
use crate::timing::Timing;
use crate::watch::Watch;
use crate::worker::{Engine, WorkerContext};
use corpus::{Corpus, EpochReport, Label, Manifest};
use document::Epoch;
use formats::parallel;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use timely::WorkerConfig;
use timely::dataflow::operators::{Concatenate, Probe};
use timely::dataflow::{ProbeHandle, Scope, StreamVec};

/// The graph of a slice: documents in, the same documents, kept or rejected, out.
pub type Graph = Arc<dyn for<'scope> Fn(Docs<'scope>) -> Docs<'scope> + Send + Sync>;

/// Options of a run. None of them changes the corpus.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads of this process that run the dataflow.
    pub workers: usize,
    /// Implementation of the dedup-join.
    pub engine: Engine,
    /// Memory that this process may use, in bytes.
    pub memory_bytes: u64,
    /// When to commit within the run.
    pub commit_every: CommitEvery,
    /// Stop at the first defect.
    pub strict: bool,
}

/// The work of a run.
pub struct Job {
    /// The newest manifest, with the labels to be read added to it.
    pub manifest: Manifest,
    /// Digest of the recipe that this process runs; all processes must run the same.
    pub recipe: String,
    /// Which worker reads which sources.
    pub plan: Plan,
    /// Reader and graph of each slice.
    pub slices: BTreeMap<&'static str, (Reader, Graph)>,
    /// Graph for the documents of all slices together, after the graphs of the slices.
    pub together: Option<Graph>,
    /// Counters that the run updates.
    pub progress: Progress,
    /// The commits that the run makes.
    pub commits: Commits,
    /// Marks documents that are excluded from the corpus; `None` if there are none.
    pub exclude: Option<Exclude>,
}

impl Job {
    /// Digest of what all processes of a run must have in common.
    fn fingerprint(&self, engine: Engine) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        self.plan.hash(&mut hasher);
        hasher.update(&(self.recipe.len() as u64).to_le_bytes());
        hasher.update(self.recipe.as_bytes());
        hasher.update(engine.name().as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// Runs `job` to its end, together with the other processes of `meeting`: reads, writes and commits
/// everything in its plan.
///
/// # Errors
/// If another process has another job, or a thread cannot be started. Errors of workers end the
/// process.
pub fn run(
    corpus: &Corpus,
    job: Job,
    mut meeting: Meeting,
    options: &Options,
) -> Result<(), cluster::Error> {
    meeting.agree(&job.fingerprint(options.engine))?;
    if meeting.process() == 0 {
        let (plan, manifest) = (Arc::new(job.plan.clone()), job.manifest.clone());
        let (every, progress) = (options.commit_every, job.progress.clone());
        job.commits.begin(corpus.clone(), plan, manifest, every, progress);
    }
    let (allocators, network) = meeting.allocators(options.workers)?;
    let commits = job.commits.clone();
    let job = Arc::new(job);
    let (options, corpus) = (options.clone(), corpus.clone());
    let sharing = Arc::new(Sharing::new(options.workers));
    parallel::set_helpers(options.workers);
    let guards = timely::execute::execute_from(
        allocators,
        network,
        WorkerConfig::default(),
        move |worker| {
            let plan = Arc::new(job.plan.clone());
            let memory = options.memory_bytes / options.workers as u64;
            let context = Rc::new(WorkerContext {
                engine: options.engine,
                state: job.manifest.state.clone(),
                ..WorkerContext::new(worker, &corpus, plan, memory, sharing.clone())
            });
            let probe = ProbeHandle::new();
            let timing = job.progress.share().times_operators.then(|| Timing::of(worker));
            worker.dataflow(|scope| {
                let graphs = Graphs {
                    labels: &job.manifest.labels,
                    slices: &job.slices,
                    together: job.together.as_ref(),
                    exclude: job.exclude.as_ref(),
                    strict: options.strict,
                    progress: &job.progress,
                };
                let reports = graphs.build(scope, &context, &probe);
                commit(reports, context.clone(), job.commits.clone()).probe_with(&probe);
            });
            let mut watch = Watch::new(worker, &job.progress, timing);
            while !probe.done() {
                worker.step_or_park(Some(Duration::from_millis(10)));
                watch.step(&context);
            }
            watch.finish(worker, &context);
        },
    )
    .map_err(cluster::Error::Start)?;
    for result in guards.join() {
        or_fail(result);
    }
    commits.finish();
    meeting.finish();
    Ok(())
}

/// The graphs of all slices, and what they share.
pub(crate) struct Graphs<'j> {
    pub labels: &'j [Label],
    pub slices: &'j BTreeMap<&'static str, (Reader, Graph)>,
    pub together: Option<&'j Graph>,
    pub exclude: Option<&'j Exclude>,
    pub strict: bool,
    pub progress: &'j Progress,
}

impl Graphs<'_> {
    /// Builds the dataflow from the sources to the files that each worker writes in each epoch.
    pub fn build<'scope>(
        &self,
        scope: Scope<'scope, Epoch>,
        context: &Rc<WorkerContext>,
        probe: &ProbeHandle<Epoch>,
    ) -> StreamVec<'scope, Epoch, EpochReport> {
        let labels: Arc<Vec<Arc<Label>>> =
            Arc::new(self.labels.iter().cloned().map(Arc::new).collect());
        let mut ends = Vec::new();
        for (slice, (reader, graph)) in self.slices {
            let of_slice = |label: u64| labels[label as usize].slice == *slice;
            let by_number = labels.clone();
            let reading = Reading {
                pieces: context.plan.pieces(context.index, of_slice),
                only: context.revision.as_ref().map(|revision| revision.read.clone()),
                at: context.revision.as_ref().and_then(|revision| {
                    let reader_at = revision.readers_at.get(slice)?.clone();
                    Some((reader_at, revision.offsets.clone()))
                }),
                exclude: self.exclude.cloned(),
                paths: Rc::new(move |label, source| {
                    PathBuf::from(&by_number[label as usize].sources[source as usize].path)
                }),
                reader: reader.clone(),
                strict: self.strict,
                progress: self.progress.clone(),
            };
            let stream = source(scope, context.clone(), reading, probe.clone());
            ends.push(graph(Docs::new(stream, context.clone())).into_parts().0);
        }
        let mut docs = Docs::new(scope.concatenate(ends), context.clone());
        if let Some(together) = self.together {
            docs = together(docs);
        }
        write(docs.into_parts().0, context.clone(), labels, self.progress.clone())
    }
}
