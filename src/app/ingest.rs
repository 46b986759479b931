//! Adding labels to a corpus: the run and its summary.

mod join;
mod labels;
mod prepare;
mod progress;
mod readable;
mod source_state;
mod summary;

pub(crate) use self::labels::Added;
pub(crate) use self::prepare::{check_recipe, recover};
pub(crate) use self::progress::ProgressThread;
pub(crate) use self::readable::refusal;
pub(crate) use self::source_state::{changed_sources, observe};
pub(crate) use self::summary::{LabelSummary, Skipped, Summary};

use self::join::join_small;
use self::prepare::prepare;
use crate::dashboard::Dashboard;
use crate::decontaminate::remark;
use crate::exclude::supersede;
use crate::interrupt::ending_at_commits;
use crate::terminal::notice;
use anyhow::{Context, Result};
use corpus::{Corpus, Exclusions, Label, Lock, Manifest};
use document::Document;
use engine::cluster::{Cluster, Meeting, meet};
use engine::{
    CommitEvery, Commits, Docs, Engine, EpochSizes, Exclude, Graph, Job, OperatorFigures, Options,
    Plan, Progress, Share, Work,
};
use recipe::{
    AnySlice, CommonModels, Decontaminator, Input, Models, Prepared, Recipe, SetupLabel, Slices,
    decontaminate, find_slice, global_dedup,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The largest default share of an epoch, in stored bytes of input for each worker, until there is so much
/// to compare with that larger ones pay. It suffices to read several Common Crawl files at once.
const EPOCH_SHARE_BYTES_MAX: u64 = 128 << 20;

/// However often to commit, an epoch's share is not smaller: each epoch has files of its own.
const COMMITTED_SHARE_BYTES_MIN: u64 = 64 << 10;

/// The default share of an epoch is at most one part in this many of a worker's memory. Text is
/// about three times as large as its stored bytes, the keys and facts of an epoch take about half
/// as much as its text, and two epochs are in progress. Held documents are written to disk beyond
/// their own limit, which costs more than larger epochs save.
const EPOCH_SHARE_OF_MEMORY: u64 = 16;

/// Stored bytes that a worker reads in a second, at least: the slowest slices, and a loaded machine.
const EPOCH_BYTES_PER_SECOND: f64 = (1 << 20) as f64;

/// Options of a run that have no effect on the corpus.
pub(crate) struct RunOptions {
    pub workers: usize,
    pub cluster: Cluster,
    pub memory_bytes: u64,
    pub epoch_bytes: Option<u64>,
    pub commit_every: CommitEvery,
    pub engine: Engine,
    pub strict: bool,
    /// Where the first process serves its dashboard.
    pub dashboard: Option<SocketAddr>,
    /// Whether the summary says which operator took how much time. A dashboard needs it too.
    pub times_operators: bool,
}

/// Adds every one of `inputs` that the corpus does not have yet, after those that an earlier run
/// left unfinished.
pub(crate) fn ingest(
    slices: Slices,
    root: &Path,
    recipe: &Recipe,
    inputs: &[Input],
    options: RunOptions,
) -> Result<Summary> {
    ingest_with(&mut Loaded::default(), slices, root, recipe, inputs, options)
}

/// As [`ingest`], with models that may be loaded already.
pub(crate) fn ingest_with(
    loaded: &mut Loaded,
    slices: Slices,
    root: &Path,
    recipe: &Recipe,
    inputs: &[Input],
    options: RunOptions,
) -> Result<Summary> {
    let started = Instant::now();
    recipe.check_cuts(slices, inputs.iter().map(|input| input.slice.as_str()))?;
    // Sources are looked into before the run begins, which sets the same.
    formats::parallel::set_helpers(options.workers);
    let first = options.cluster.process == 0;
    let dashboard = options.dashboard.filter(|_| first);
    let dashboard =
        dashboard.map(|at| Dashboard::start(at, root.display().to_string())).transpose()?;
    let mut added = Added::new(slices, recipe, root, options.strict, first);
    let existing = Corpus::open(root).ok();
    if first && existing.is_none() {
        // Before a corpus is created: its recipe cannot change, and must be one that can be run.
        let is_used = |name: &str| inputs.iter().any(|input| input.slice == name);
        for slice in slices {
            if inputs.is_empty() || is_used(slice.name()) {
                loaded.models(*slice, recipe)?;
            } else {
                loaded.check(*slice, recipe)?;
            }
        }
        loaded.decontaminator(recipe)?;
    }
    let known = existing.map(|corpus| corpus.manifest()).transpose()?.flatten();
    let found = added.find(inputs, known.as_ref())?;
    let (corpus, _lock, mut meeting) = open(root, recipe, slices, &options.cluster)?;
    let mut manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let before = manifest.clone();
    if first {
        manifest.recipe_toml = std::fs::read_to_string(corpus.recipe_path()).ok();
        if manifest.models.is_empty() {
            manifest.models = recipe.model_digests(slices)?;
        }
        manifest.evaluations.clone_from(&recipe.evaluations);
    }
    found.into_iter().try_for_each(|found| added.add(found, &mut manifest))?;
    let Added { skipped, refused, notices, .. } = added;
    if first {
        notices.iter().for_each(|text| notice(text));
    }
    let work: Vec<usize> =
        (0..manifest.labels.len()).filter(|l| !manifest.labels[*l].is_complete()).collect();
    let is_versioned = |label: &usize| has_versions(slices, recipe, &manifest, *label);
    manifest.versions_due |= work.iter().any(is_versioned);
    let mut ran = Ran::default();
    if work.is_empty() {
        meeting.agree(blake3::hash(recipe.fingerprint.as_bytes()).as_bytes())?;
        meeting.finish();
    } else {
        if first {
            corpus.begin_writing(&before)?;
        }
        let job = (manifest, &work[..]);
        ran = run(slices, &corpus, recipe, loaded, job, &options, (meeting, dashboard.as_ref()))?;
        if first {
            join_small(&corpus, options.workers)?;
            corpus.end_writing()?;
        }
    }
    let is_due = first && corpus.manifest()?.is_some_and(|manifest| manifest.versions_due);
    let superseded = is_due.then(|| supersede(slices, &corpus, &options)).transpose()?;
    let after = corpus.manifest()?.context("the corpus has no commit")?;
    let elapsed = started.elapsed();
    if let Some(dashboard) = dashboard {
        dashboard.finish();
    }
    Ok(Summary {
        commit: after.commit,
        labels: work.iter().map(|&label| LabelSummary::of(label, &before, &after)).collect(),
        skipped,
        refused,
        notices,
        versions: superseded.map(|outcome| outcome.difference).unwrap_or_default(),
        elapsed,
        models: ran.identifiers,
        operators: ran.operators,
        is_first_process: first,
    })
}

/// Whether only the newest versions stay in the slice of a label, and another label may have older
/// ones.
fn has_versions(slices: Slices, recipe: &Recipe, manifest: &Manifest, label: usize) -> bool {
    let name = &manifest.labels[label].slice;
    let slice = find_slice(slices, name).ok();
    let newest = slice.and_then(|slice| slice.newest(recipe.settings(name)));
    newest.is_some() && manifest.present().filter(|label| label.slice == *name).count() > 1
}

/// Opens or creates the corpus and meets the other processes. The first process holds the lock.
fn open(
    root: &Path,
    recipe: &Recipe,
    slices: Slices,
    cluster: &Cluster,
) -> Result<(Corpus, Option<Lock>, Meeting)> {
    if cluster.process == 0 {
        let (corpus, lock) = prepare(root, recipe, slices)?;
        return Ok((corpus, Some(lock), meet(cluster)?));
    }
    // The first process creates or opens the corpus before it meets the others.
    let meeting = meet(cluster)?;
    Ok((Corpus::open(root)?, None, meeting))
}

/// Models that have been loaded.
#[derive(Default)]
pub(crate) struct Loaded {
    common: Option<CommonModels>,
    slices: BTreeMap<&'static str, Models>,
    decontaminator: Option<Decontaminator>,
}

impl Loaded {
    /// The models of a slice, loaded once.
    pub fn models(&mut self, slice: &'static dyn AnySlice, recipe: &Recipe) -> Result<Models> {
        if let Some(models) = self.slices.get(slice.name()) {
            return Ok(models.clone());
        }
        let common = self.common(recipe)?;
        let files = slice.models(recipe.settings(slice.name()));
        let models =
            Models::load(&files, common).map_err(|error| recipe.locate(slice.name(), error))?;
        self.slices.insert(slice.name(), models.clone());
        Ok(models)
    }

    /// Checks the settings that the recipe has for a slice that is not used yet.
    fn check(&mut self, slice: &'static dyn AnySlice, recipe: &Recipe) -> Result<()> {
        let common = self.common(recipe)?;
        let files = slice.models(recipe.settings(slice.name()));
        match Models::check(&files, &common) {
            Err(error) if recipe.has_setting_of(slice.name(), &error) => {
                Err(recipe.locate(slice.name(), error))
            }
            _ => Ok(()),
        }
    }

    /// The models of all slices, loaded once.
    fn common(&mut self, recipe: &Recipe) -> Result<CommonModels> {
        if self.common.is_none() {
            let (tokenizer, lid) = (recipe.tokenizer.as_deref(), recipe.lid.as_deref());
            self.common = Some(CommonModels::load(tokenizer, lid)?);
        }
        Ok(self.common.clone().expect("loaded above"))
    }

    /// The evaluation sets, if the recipe names any, read once.
    pub fn decontaminator(&mut self, recipe: &Recipe) -> Result<Option<Decontaminator>> {
        if self.decontaminator.is_none() && !recipe.evaluations.is_empty() {
            self.decontaminator = Decontaminator::load(recipe, &self.common(recipe)?)?;
        }
        Ok(self.decontaminator.clone())
    }
}

/// What is known after a run beside the manifest.
#[derive(Default)]
struct Ran {
    /// The names of the language identifiers used.
    identifiers: Vec<String>,
    operators: Vec<OperatorFigures>,
}

/// Plans and runs the unfinished `labels`.
fn run(
    slices: Slices,
    corpus: &Corpus,
    recipe: &Recipe,
    loaded: &mut Loaded,
    (manifest, labels): (Manifest, &[usize]),
    options: &RunOptions,
    (meeting, dashboard): (Meeting, Option<&Dashboard>),
) -> Result<Ran> {
    let used: BTreeSet<&str> = labels.iter().map(|l| manifest.labels[*l].slice.as_str()).collect();
    let setup_labels = SetupLabel::of_corpus(&manifest);
    let mut prepared: PreparedSlices = BTreeMap::new();
    let mut identifiers = Vec::new();
    for slice in slices.iter().filter(|slice| used.contains(slice.name())) {
        let (name, settings) = (slice.name(), recipe.settings(slice.name()));
        let models = loaded.models(*slice, recipe)?;
        if slice.identifies_languages(settings) {
            identifiers.push(format!("{name}: language by {}", models.language_name()));
        }
        prepared.insert(name, slice.prepare(settings, models, setup_labels.clone()));
    }
    let decontaminator = loaded.decontaminator(recipe)?;
    identifiers.extend(decontaminator.as_ref().map(remark));
    let common = loaded.common.clone();
    identifiers.extend(common.as_ref().and_then(CommonModels::tokens_remark));
    let plan = plan(&manifest, labels, &prepared, recipe.global_dedup, options);
    let share = Share {
        process: options.cluster.process,
        processes: options.cluster.processes(),
        workers: options.workers,
        times_operators: options.dashboard.is_some() || options.times_operators,
    };
    let sizes = labels.iter().map(|&number| {
        let (label, all) = (&manifest.labels[number], 0..share.processes * share.workers);
        (number as u64, label.full_name(), plan.stored_bytes(number as u64, &label.sizes(), all))
    });
    let progress = Progress::new(share, &plan, sizes);
    if let Some(dashboard) = dashboard {
        dashboard.show(progress.clone());
    }
    let engine_options = Options {
        workers: options.workers,
        engine: options.engine,
        memory_bytes: options.memory_bytes,
        commit_every: options.commit_every,
        strict: options.strict,
    };
    let (shown, counters) =
        (ProgressThread::start(progress.clone(), &options.cluster)?, progress.clone());
    let together = together(recipe.global_dedup, decontaminator);
    let recipe = recipe.fingerprint.clone();
    let slices = prepared.into_iter().map(|(name, slice)| (name, (slice.reader, slice.graph)));
    let (slices, commits) = (slices.collect(), Commits::default());
    let exclude = exclude(corpus, &manifest)?;
    let commits_of_job = commits.clone();
    let job = Job {
        manifest,
        recipe,
        plan,
        slices,
        together,
        progress,
        commits: commits_of_job,
        exclude,
    };
    ending_at_commits(&commits, options.cluster.process == 0, || {
        Ok(engine::run(corpus, job, meeting, &engine_options)?)
    })?;
    shown.finish();
    identifiers.extend(common.and_then(|common| common.uncounted_remark()));
    Ok(Ran { identifiers, operators: counters.run().operators() })
}

/// Returns how much of its sources, as stored, a worker with this much memory reads in an epoch, if there
/// are `workers` in all.
pub(crate) fn epoch_share(
    worker_memory_bytes: u64,
    commit_every: CommitEvery,
    workers: usize,
) -> EpochSizes {
    let share = (worker_memory_bytes / EPOCH_SHARE_OF_MEMORY).max(1);
    // An epoch is the least that is committed.
    let committed = match commit_every {
        CommitEvery::Time(time) => (time.as_secs_f64() * EPOCH_BYTES_PER_SECOND) as u64,
        CommitEvery::Bytes(bytes) => bytes / workers as u64,
    };
    let most = share.min(committed.max(COMMITTED_SHARE_BYTES_MIN));
    EpochSizes { least: most.min(EPOCH_SHARE_BYTES_MAX), most }
}

/// Returns what marks the documents that are excluded from the corpus, if any are.
pub(crate) fn exclude(corpus: &Corpus, manifest: &Manifest) -> Result<Option<Exclude>> {
    let matcher = Exclusions::load(corpus, manifest)?.matcher(&manifest.labels);
    let exclude = move |document: &mut Document| matcher.exclude(document);
    Ok((!manifest.excluded.is_empty()).then(|| Arc::new(exclude) as Exclude))
}

/// Returns the graph of all slices together, if there is one.
pub(crate) fn together(is_global: bool, decontaminator: Option<Decontaminator>) -> Option<Graph> {
    if !is_global && decontaminator.is_none() {
        return None;
    }
    Some(Arc::new(move |docs: Docs<'_>| {
        let docs = if is_global { global_dedup(docs) } else { docs };
        match &decontaminator {
            Some(with) => decontaminate(docs, with),
            None => docs,
        }
    }))
}

/// The slices of a run, by name.
type PreparedSlices = BTreeMap<&'static str, Prepared>;

/// Cuts the unfinished `labels` into epochs.
fn plan(
    manifest: &Manifest,
    labels: &[usize],
    slices: &PreparedSlices,
    is_global: bool,
    options: &RunOptions,
) -> Plan {
    let mut before = compared_bytes(manifest, is_global, Label::is_complete);
    let work = |&number: &usize| {
        let label = &manifest.labels[number];
        let sizes = label.sizes();
        let compared = before.entry(compared_with(label, is_global)).or_default();
        let before = *compared;
        *compared += sizes.iter().sum::<u64>();
        Work {
            label: number as u64,
            before,
            sizes,
            from: label.position.expect("only unfinished labels are work"),
            groups: (slices[label.slice.as_str()].groups)(number),
            only: None,
        }
    };
    let work: Vec<Work> = labels.iter().map(work).collect();
    let workers = options.workers * options.cluster.processes();
    Plan::new(manifest.next_epoch, &work, workers, epoch_bytes(options))
}

/// Returns the slice with whose documents those of a label are compared; an empty name for all.
pub(crate) fn compared_with(label: &Label, is_global: bool) -> &str {
    if is_global { "" } else { &label.slice }
}

/// Returns the sizes, as stored, of the sources of those labels for which `is_there` holds, by what they
/// are [compared with](compared_with).
pub(crate) fn compared_bytes(
    manifest: &Manifest,
    is_global: bool,
    is_there: impl Fn(&Label) -> bool,
) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    for label in manifest.labels.iter().filter(|label| is_there(label)) {
        let bytes = label.sources.iter().map(|source| source.bytes).sum::<u64>();
        *sums.entry(compared_with(label, is_global)).or_default() += bytes;
    }
    sums
}

/// Returns how many bytes of the sources, as stored, are in an epoch.
pub(crate) fn epoch_bytes(options: &RunOptions) -> EpochSizes {
    if let Some(bytes) = options.epoch_bytes {
        return EpochSizes::equal(bytes);
    }
    let workers = options.workers * options.cluster.processes();
    let each = options.memory_bytes / options.workers as u64;
    let EpochSizes { least, most } = epoch_share(each, options.commit_every, workers);
    EpochSizes { least: least * workers as u64, most: most * workers as u64 }
}
