//! Adding labels to a corpus: what is to be read, the run, and what came of it.

use crate::display::{Display, Verbosity};
use crate::inputs::sources;
use crate::source_state::{changed_sources, observe, other_sources};
use crate::summary::{LabelSummary, Skipped, Summary};
use anyhow::{Context, Result, bail};
use corpus::{Corpus, Label, Lock, Manifest, Position, Source};
use document::DocRef;
use engine::cluster::{Cluster, meet};
use engine::{Engine, Graph, Job, Options, Plan, Progress, Work};
use recipe::usage::usage;
use recipe::{
    AnySlice, CommonModels, Input, Models, Prepared, Recipe, SetupLabel, Slices, find_slice,
    global_dedup,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Stored bytes of input that each worker takes of an epoch, where the user does not say: at most
/// so much, enough that several Common Crawl files are read side by side,
const EPOCH_SHARE_BYTES_MAX: u64 = 128 << 20;

/// and at most this part of the memory of a worker. Text inflates by about three, the keys and
/// facts of an epoch take about half of its text, and two epochs are under way; held documents go
/// to disk beyond their own limit.
const EPOCH_SHARE_OF_MEMORY: u64 = 16;

/// How a run is done; nothing here shows in the corpus.
pub(crate) struct How {
    pub workers: usize,
    pub cluster: Cluster,
    pub memory_bytes: u64,
    pub epoch_bytes: Option<u64>,
    pub commit_every: engine::CommitEvery,
    pub engine: Engine,
    pub strict: bool,
    pub verbosity: Verbosity,
}

/// Opens the corpus, or makes it with `recipe`, and takes the lock.
fn prepare(root: &Path, recipe: &Recipe, slices: Slices) -> Result<(Corpus, Lock)> {
    if let Some(found) = Corpus::in_the_way(root, &recipe.print(slices))? {
        bail!(usage(format!(
            "{} is no corpus, and none can be made there: {} is in the way; give a folder that is \
             empty or not there yet",
            root.display(),
            found.display()
        )));
    }
    std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let lock = Lock::take(root)?;
    let manifest = match Corpus::open(root) {
        Ok(corpus) => corpus.manifest()?.map(|manifest| (corpus, manifest)),
        Err(corpus::Error::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let Some((corpus, manifest)) = manifest else {
        let corpus = Corpus::create(root)?;
        let text = recipe.print(slices);
        corpus.write_recipe(&text)?;
        let recipe_toml = Some(text);
        corpus.commit(&Manifest { recipe_toml, ..Manifest::empty(recipe.fingerprint.clone()) })?;
        return Ok((corpus, lock));
    };
    check_recipe(&corpus, &manifest, recipe, slices)?;
    corpus.check_whole(&manifest)?;
    Corpus::create(root)?;
    Recipe::settle(slices, &corpus, &manifest)?;
    corpus.sweep(&manifest)?;
    corpus.end_writing()?;
    Ok((corpus, lock))
}

/// Fails unless the corpus was built with `recipe`.
fn check_recipe(
    corpus: &Corpus,
    manifest: &Manifest,
    recipe: &Recipe,
    slices: Slices,
) -> Result<()> {
    Recipe::check_there(corpus, manifest)?;
    if manifest.recipe == recipe.fingerprint {
        return Ok(());
    }
    let (root, path) = (corpus.root().display(), corpus.recipe_path());
    match Recipe::of_corpus(slices, corpus) {
        Ok(own) if own.fingerprint == manifest.recipe => bail!(usage(format!(
            "{root} was built with another recipe (its own is {}); settings and models of a corpus \
             cannot change: build a new one with --corpus",
            path.display()
        ))),
        _ => bail!(usage(format!(
            "{root} was built with another recipe than {} is now: that file, or a model that it \
             names, has changed since; put it back as it was (sluice verify --repair {root} writes \
             the file as the newest commit has it), or build a new corpus",
            path.display()
        ))),
    }
}

/// Adds every one of `inputs` that the corpus does not have yet, after those that an earlier run
/// left unfinished.
pub(crate) fn ingest(
    slices: Slices,
    root: &Path,
    recipe: &Recipe,
    inputs: &[Input],
    how: How,
) -> Result<Summary> {
    let started = Instant::now();
    let first = how.cluster.process == 0;
    let mut loaded = Loaded::default();
    if first && Corpus::open(root).is_err() {
        // A corpus is not made with a recipe that cannot be run: it would have to keep to it.
        let is_asked = |name: &str| inputs.iter().any(|input| input.slice == name);
        for slice in slices.iter().filter(|slice| inputs.is_empty() || is_asked(slice.name())) {
            loaded.models(*slice, recipe)?;
        }
        for input in inputs {
            sources_of(input, slices, recipe)?;
        }
    }
    let (corpus, _lock, mut meeting) = if first {
        let (corpus, lock) = prepare(root, recipe, slices)?;
        (corpus, Some(lock), meet(&how.cluster)?)
    } else {
        // Process 0 has made or opened the corpus before it lets this one in.
        let meeting = meet(&how.cluster)?;
        (Corpus::open(root)?, None, meeting)
    };
    let mut manifest = corpus.manifest()?.context("the corpus has no commit")?;
    let before = manifest.clone();
    if first {
        manifest.recipe_toml = std::fs::read_to_string(corpus.recipe_path()).ok();
    }
    let skipped = add_labels(&mut manifest, slices, recipe, inputs, first)?;
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
        models = run(slices, &corpus, recipe, loaded, job, &how, meeting)?;
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
    Ok(Summary { commit, labels, skipped, elapsed: started.elapsed(), models, tells: first })
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

/// The sources that an input names.
fn sources_of(input: &Input, slices: Slices, recipe: &Recipe) -> Result<Vec<Source>> {
    let slice = find_slice(slices, &input.slice)?;
    sources(&input.paths, slice, recipe.settings(slice.name()))
}

/// Adds the new labels of `inputs` to the manifest; gives those that are complete. Only the first
/// process looks into sources: the manifest is its.
fn add_labels(
    manifest: &mut Manifest,
    slices: Slices,
    recipe: &Recipe,
    inputs: &[Input],
    first: bool,
) -> Result<Vec<Skipped>> {
    let mut skipped = Vec::new();
    for input in inputs {
        let sources = sources_of(input, slices, recipe);
        let Some(known) = manifest.label(&input.slice, &input.label) else {
            if manifest.labels.len() as u64 == DocRef::LABELS_MAX {
                bail!("a corpus holds at most {} labels", DocRef::LABELS_MAX);
            }
            manifest.labels.push(new_label(input, sources?, first)?);
            continue;
        };
        if known.is_complete() {
            let note = note_of_complete(known, sources, first)?;
            skipped.push(Skipped { label: known.clone(), note });
        } else {
            check_unchanged(known, &sources?, first)?;
        }
    }
    Ok(skipped)
}

fn new_label(input: &Input, mut sources: Vec<Source>, first: bool) -> Result<Label> {
    if first {
        sources.iter_mut().try_for_each(observe)?;
    }
    Ok(Label {
        slice: input.slice.clone(),
        name: input.label.clone(),
        sources,
        position: Some(Position::default()),
        ..Label::default()
    })
}

/// What is to be said of the sources of a label that is in the corpus. It does not need them: dumps
/// are large, and removed once they are read.
fn note_of_complete(
    label: &Label,
    sources: Result<Vec<Source>>,
    first: bool,
) -> Result<Option<String>> {
    let sources = match sources {
        Ok(sources) => sources,
        Err(error) => {
            let note = format!("its sources cannot be looked at ({error:#}), and are not needed");
            return Ok(Some(note));
        }
    };
    let name = label.full_name();
    if let Some(differ) = other_sources(label, &sources) {
        bail!(
            "{name} is in the corpus with other sources or sizes: {differ}; a label is added as one: \
             give what is new a label of its own"
        );
    }
    let changed = if first { changed_sources(label, &sources)? } else { None };
    Ok(changed.map(|changed| {
        format!(
            "{changed}; the corpus has what was read when the label was added: for the new content, \
             add these files under a new label, or build a new corpus"
        )
    }))
}

/// Fails where the sources of a label that is to be continued are not those it was begun with: what
/// was read of them, and what is still to be read, would not fit.
fn check_unchanged(label: &Label, sources: &[Source], first: bool) -> Result<()> {
    let differ = match other_sources(label, sources) {
        None if first => changed_sources(label, sources)?,
        differ => differ,
    };
    match differ {
        None => Ok(()),
        Some(differ) => bail!(
            "{} is not complete, and cannot be continued with other sources than it was begun with: \
             {differ}; put them back as they were, or build a new corpus",
            label.full_name()
        ),
    }
}

/// Plans and runs what is to be done; gives the names of the models used.
fn run(
    slices: Slices,
    corpus: &Corpus,
    recipe: &Recipe,
    mut loaded: Loaded,
    (manifest, labels): (Manifest, &[usize]),
    how: &How,
    meeting: engine::cluster::Meeting,
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
    let workers = how.workers * how.cluster.processes();
    let share = how.memory_bytes / how.workers as u64 / EPOCH_SHARE_OF_MEMORY;
    let share = share.clamp(1, EPOCH_SHARE_BYTES_MAX);
    let epoch_bytes = how.epoch_bytes.unwrap_or(share * workers as u64);
    let plan = Plan::new(manifest.next_epoch, &work, workers, epoch_bytes);
    let progress = Progress::new(labels.iter().map(|&number| {
        let label = &manifest.labels[number];
        let mine = how.cluster.process * how.workers..(how.cluster.process + 1) * how.workers;
        (number as u64, label.full_name(), plan.stored_bytes(number as u64, &label.sizes(), mine))
    }));
    let options = Options {
        workers: how.workers,
        engine: how.engine,
        memory_bytes: how.memory_bytes,
        commit_every: how.commit_every,
        strict: how.strict,
    };
    let display = Display::start(progress.clone(), how.verbosity, &how.cluster)?;
    let together = recipe.global_dedup.then(|| Arc::new(global_dedup) as Graph);
    let recipe = recipe.fingerprint.clone();
    let slices = prepared.into_iter().map(|(name, slice)| (name, (slice.reader, slice.graph)));
    let job = Job { manifest, recipe, plan, slices: slices.collect(), together, progress };
    engine::run(corpus, job, meeting, &options)?;
    display.finish();
    Ok(identifiers)
}
