//! Adding labels to a corpus: the run, and what came of it.

mod labels;
mod prepare;
mod progress;
mod readable;
mod source_state;
mod summary;

pub(crate) use self::summary::{LabelSummary, Skipped, Summary};

use self::labels::Added;
use self::prepare::prepare;
use self::progress::ProgressThread;
use crate::terminal::{Verbosity, notice};
use anyhow::{Context, Result};
use corpus::{Corpus, Manifest};
use engine::cluster::{Cluster, Meeting, meet};
use engine::{Engine, Graph, Job, Options, Plan, Progress, Work};
use recipe::{
    AnySlice, CommonModels, Input, Models, Prepared, Recipe, SetupLabel, Slices, global_dedup,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The default share of an epoch, in stored bytes of input for each worker: at most this, which is
/// enough to read several Common Crawl files side by side,
const EPOCH_SHARE_BYTES_MAX: u64 = 128 << 20;

/// and at most this part of the memory of a worker. Text inflates by about three, the keys and
/// facts of an epoch take about half of its text, and two epochs are under way; held documents go
/// to disk beyond their own limit.
const EPOCH_SHARE_OF_MEMORY: u64 = 16;

/// Options of a run that have no effect on the corpus.
pub(crate) struct RunOptions {
    pub workers: usize,
    pub cluster: Cluster,
    pub memory_bytes: u64,
    pub epoch_bytes: Option<u64>,
    pub commit_every: engine::CommitEvery,
    pub engine: Engine,
    pub strict: bool,
    pub verbosity: Verbosity,
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
    let started = Instant::now();
    let first = options.cluster.process == 0;
    let mut loaded = Loaded::default();
    let mut added = Added::new(slices, recipe, root, options.strict, first);
    if first && Corpus::open(root).is_err() {
        // A corpus is not made with a recipe that cannot be run: it would have to keep to it.
        let is_asked = |name: &str| inputs.iter().any(|input| input.slice == name);
        for slice in slices.iter().filter(|slice| inputs.is_empty() || is_asked(slice.name())) {
            loaded.models(*slice, recipe)?;
        }
    }
    let known = match Corpus::open(root) {
        Ok(corpus) => corpus.manifest()?,
        Err(_) => None,
    };
    let found = added.find(inputs, known.as_ref(), options.verbosity)?;
    let (corpus, _lock, mut meeting) = if first {
        let (corpus, lock) = prepare(root, recipe, slices)?;
        (corpus, Some(lock), meet(&options.cluster)?)
    } else {
        // Process 0 has made or opened the corpus before it lets this one in.
        let meeting = meet(&options.cluster)?;
        (Corpus::open(root)?, None, meeting)
    };
    let mut manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let before = manifest.clone();
    if first {
        manifest.recipe_toml = std::fs::read_to_string(corpus.recipe_path()).ok();
    }
    found.into_iter().try_for_each(|found| added.add(found, &mut manifest))?;
    let Added { skipped, refused, notices, .. } = added;
    if first && options.verbosity != Verbosity::Quiet {
        notices.iter().for_each(|text| notice(text));
    }
    let work: Vec<usize> =
        (0..manifest.labels.len()).filter(|l| !manifest.labels[*l].is_complete()).collect();
    let mut models = Vec::new();
    if work.is_empty() {
        meeting.agree(blake3::hash(recipe.fingerprint.as_bytes()).as_bytes())?;
    } else {
        if first {
            corpus.begin_writing(&before)?;
        }
        let job = (manifest, &work[..]);
        models = run(slices, &corpus, recipe, loaded, job, &options, meeting)?;
        if first {
            corpus.end_writing()?;
        }
    }
    let after = corpus.manifest()?.context("the corpus has no commit")?;
    let labels = work.iter().map(|&label| {
        let old = before.labels.get(label);
        LabelSummary {
            label: after.labels[label].clone(),
            bytes_read_before: old.map_or(0, |label| label.counts.bytes_read),
            defects_new: after.labels[label].defects_count - old.map_or(0, |l| l.defects_count),
        }
    });
    let labels = labels.collect();
    let commit = after.commit;
    let elapsed = started.elapsed();
    Ok(Summary {
        commit,
        labels,
        skipped,
        refused,
        notices,
        elapsed,
        models,
        is_first_process: first,
    })
}

/// Models that have been loaded.
#[derive(Default)]
struct Loaded {
    common: Option<CommonModels>,
    slices: BTreeMap<&'static str, Models>,
}

impl Loaded {
    /// The models of a slice, loaded once.
    fn models(&mut self, slice: &'static dyn AnySlice, recipe: &Recipe) -> Result<Models> {
        if let Some(models) = self.slices.get(slice.name()) {
            return Ok(models.clone());
        }
        let common = match &self.common {
            Some(common) => common.clone(),
            None => CommonModels::load(recipe.tokenizer.as_deref(), recipe.lid.as_deref())?,
        };
        let files = slice.models(recipe.settings(slice.name()));
        let models = Models::load(&files, common.clone())?;
        self.common = Some(common);
        self.slices.insert(slice.name(), models.clone());
        Ok(models)
    }
}

/// Plans and runs what is to be done; gives the names of the models used.
fn run(
    slices: Slices,
    corpus: &Corpus,
    recipe: &Recipe,
    mut loaded: Loaded,
    (manifest, labels): (Manifest, &[usize]),
    options: &RunOptions,
    meeting: Meeting,
) -> Result<Vec<String>> {
    let used: BTreeSet<&str> = labels.iter().map(|l| manifest.labels[*l].slice.as_str()).collect();
    let of_setup = manifest
        .labels
        .iter()
        .map(|label| SetupLabel { name: label.name.clone(), sources: label.sources.len() as u64 });
    let of_setup: Arc<Vec<SetupLabel>> = Arc::new(of_setup.collect());
    let mut prepared: BTreeMap<&'static str, Prepared> = BTreeMap::new();
    let mut identifiers = Vec::new();
    for slice in slices.iter().filter(|slice| used.contains(slice.name())) {
        let (name, settings) = (slice.name(), recipe.settings(slice.name()));
        let models = loaded.models(*slice, recipe)?;
        if slice.identifies_languages(settings) {
            identifiers.push(format!("{name}: language by {}", models.language_name()));
        }
        prepared.insert(name, slice.prepare(settings, models, of_setup.clone()));
    }
    let work: Vec<Work> = labels
        .iter()
        .map(|&number| {
            let label = &manifest.labels[number];
            Work {
                label: number as u64,
                sizes: label.sizes(),
                from: label.position.expect("only unfinished labels are work"),
                groups: (prepared[label.slice.as_str()].groups)(number),
            }
        })
        .collect();
    let workers = options.workers * options.cluster.processes();
    let share = options.memory_bytes / options.workers as u64 / EPOCH_SHARE_OF_MEMORY;
    let share = share.clamp(1, EPOCH_SHARE_BYTES_MAX);
    let epoch_bytes = options.epoch_bytes.unwrap_or(share * workers as u64);
    let plan = Plan::new(manifest.next_epoch, &work, workers, epoch_bytes);
    let progress = Progress::new(labels.iter().map(|&number| {
        let label = &manifest.labels[number];
        let mine = options.cluster.process * options.workers
            ..(options.cluster.process + 1) * options.workers;
        (number as u64, label.full_name(), plan.stored_bytes(number as u64, &label.sizes(), mine))
    }));
    let engine_options = Options {
        workers: options.workers,
        engine: options.engine,
        memory_bytes: options.memory_bytes,
        commit_every: options.commit_every,
        strict: options.strict,
    };
    let shown = ProgressThread::start(progress.clone(), options.verbosity, &options.cluster)?;
    let together = recipe.global_dedup.then(|| Arc::new(global_dedup) as Graph);
    let recipe = recipe.fingerprint.clone();
    let slices = prepared.into_iter().map(|(name, slice)| (name, (slice.reader, slice.graph)));
    let job = Job { manifest, recipe, plan, slices: slices.collect(), together, progress };
    engine::run(corpus, job, meeting, &engine_options)?;
    shown.finish();
    Ok(identifiers)
}
