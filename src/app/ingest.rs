//! Adding labels to a corpus: what is to be read, the run, and what came of it.

use crate::dedup::text_digest;
use crate::display::{Display, Verbosity};
use crate::inputs::{skipped, sources};
use crate::models::{CommonModels, Models};
use crate::readable::refusal;
use crate::recipe::{Input, Recipe};
use crate::slice::{Setup, Slice};
use crate::summary::{LabelSummary, Summary};
use crate::usage::usage;
use anyhow::{Context, Result, bail};
use arrangement::Rule;
use corpus::{Corpus, Label, Lock, Manifest, Position, Source};
use document::DocRef;
use engine::cluster::{Cluster, meet};
use engine::{Engine, Graph, Job, Options, Plan, Progress, Work};
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
fn prepare(root: &Path, recipe: &Recipe, slices: &'static [Slice]) -> Result<(Corpus, Lock)> {
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
    let corpus = Corpus::create(root)?;
    let manifest = match corpus.manifest()? {
        Some(manifest) if manifest.recipe != recipe.fingerprint => bail!(usage(format!(
            "{} was built with another recipe (its own is {}); settings and models of a corpus \
             cannot change: build a new one with --corpus",
            root.display(),
            corpus.recipe_path().display()
        ))),
        Some(manifest) => {
            Recipe::settle(slices, &corpus, &manifest)?;
            manifest
        }
        None => {
            corpus.write_recipe(&recipe.print(slices))?;
            let manifest = Manifest::empty(recipe.fingerprint.clone());
            corpus.commit(&manifest)?;
            manifest
        }
    };
    corpus.sweep(&manifest)?;
    Ok((corpus, lock))
}

/// Adds every one of `inputs` that the corpus does not have yet, after those that an earlier run
/// left unfinished.
pub(crate) fn ingest(
    slices: &'static [Slice],
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
        let is_asked = |slice: &Slice| inputs.iter().any(|input| input.slice == slice.name);
        for slice in slices.iter().filter(|slice| inputs.is_empty() || is_asked(slice)) {
            loaded.models(slice, recipe)?;
        }
        for input in inputs {
            sources_of(input, slices, recipe)?;
        }
    }
    let known = Corpus::open(root).ok().map(|corpus| corpus.manifest()).transpose()?.flatten();
    let (inputs, refused) = readable(slices, recipe, inputs, known.as_ref(), how.verbosity)?;
    let inputs = &inputs[..];
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
    let skipped = add_labels(&mut manifest, slices, recipe, inputs)?;
    let work: Vec<usize> =
        (0..manifest.labels.len()).filter(|l| !manifest.labels[*l].is_complete()).collect();
    let mut models = Vec::new();
    if work.is_empty() {
        meeting.agree(blake3::hash(recipe.fingerprint.as_bytes()).as_bytes())?;
    } else {
        let job = (manifest, &work[..]);
        models = run(slices, &corpus, recipe, loaded, job, &how, meeting)?;
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
    Ok(Summary {
        commit,
        labels,
        skipped,
        refused,
        elapsed: started.elapsed(),
        models,
        tells: first,
    })
}

/// Of documents of one text, in whatever slices, the one added first stays.
fn global_dedup(docs: engine::Docs<'_>) -> engine::Docs<'_> {
    docs.reject_repeats("texts", "duplicate_text", text_digest, Rule::first_of_all())
}

/// Models that have been loaded.
#[derive(Default)]
struct Loaded {
    common: Option<CommonModels>,
    slices: BTreeMap<&'static str, Models>,
}

impl Loaded {
    /// The models of a slice, loaded once.
    fn models(&mut self, slice: &'static Slice, recipe: &Recipe) -> Result<Models> {
        if let Some(models) = self.slices.get(slice.name) {
            return Ok(models.clone());
        }
        let common = match &self.common {
            Some(common) => common.clone(),
            None => CommonModels::load(recipe.tokenizer.as_deref(), recipe.lid())?,
        };
        let models = Models::load(&recipe.slices[slice.name], common.clone())?;
        self.common = Some(common);
        self.slices.insert(slice.name, models.clone());
        Ok(models)
    }
}

/// Those of `inputs` of which something can be read, or whose labels are in the corpus; and, for each
/// other one, why it is not added.
///
/// # Errors
/// When none is left.
fn readable(
    slices: &'static [Slice],
    recipe: &Recipe,
    inputs: &[Input],
    known: Option<&Manifest>,
    verbosity: Verbosity,
) -> Result<(Vec<Input>, Vec<String>)> {
    let (mut left, mut refused) = (Vec::new(), Vec::new());
    for input in inputs {
        if known.is_some_and(|known| known.label(&input.slice, &input.label).is_some()) {
            left.push(input.clone());
            continue;
        }
        let sources = sources_of(input, slices, recipe)?;
        say_skipped(&input.paths, verbosity);
        let slice = slices.iter().find(|slice| slice.name == input.slice);
        match slice.and_then(|slice| refusal(slice, recipe, &sources)) {
            None => left.push(input.clone()),
            Some(why) => refused.push(format!(
                "{}/{}: nothing of it can be read, so it is not added:\n{why}",
                input.slice, input.label
            )),
        }
    }
    if left.is_empty() && !refused.is_empty() {
        bail!("{}", refused.join("\n"));
    }
    Ok((left, refused))
}

/// Says what of the folders is not read: by name where the user wants to hear more.
fn say_skipped(paths: &[String], verbosity: Verbosity) {
    let skipped = skipped(paths);
    match verbosity {
        Verbosity::Verbose => {
            let each = skipped.iter().map(|path| path.display());
            each.for_each(|path| eprintln!("skipped, no data: {path} (name it to have it read)"));
        }
        Verbosity::Normal if !skipped.is_empty() => {
            let count = skipped.len();
            eprintln!(
                "skipped {count} files that lie beside the data, such as checksums (-v: which)"
            );
        }
        _ => {}
    }
}

/// The sources that an input names.
fn sources_of(input: &Input, slices: &'static [Slice], recipe: &Recipe) -> Result<Vec<Source>> {
    let slice = slices.iter().find(|slice| slice.name == input.slice);
    let slice = slice.expect("the slice of an input is known");
    sources(&input.paths, slice.inputs, &recipe.slices[slice.name])
}

/// Adds the new labels of `inputs` to the manifest; gives the names of those that are complete.
fn add_labels(
    manifest: &mut Manifest,
    slices: &'static [Slice],
    recipe: &Recipe,
    inputs: &[Input],
) -> Result<Vec<String>> {
    let mut skipped = Vec::new();
    for input in inputs {
        let sources = sources_of(input, slices, recipe)?;
        let name = format!("{}/{}", input.slice, input.label);
        match manifest.label(&input.slice, &input.label) {
            None => {
                if manifest.labels.len() as u64 == DocRef::LABELS_MAX {
                    bail!("a corpus holds at most {} labels", DocRef::LABELS_MAX);
                }
                manifest.labels.push(Label {
                    slice: input.slice.clone(),
                    name: input.label.clone(),
                    sources,
                    position: Some(Position::default()),
                    ..Label::default()
                });
            }
            Some(known) => {
                let same = known.sources.iter().map(|s| (&s.name, s.bytes));
                if !same.eq(sources.iter().map(|s| (&s.name, s.bytes))) {
                    bail!(
                        "{name} is in the corpus with {} other sources or sizes; a label is added \
                         as one: give what is new a label of its own",
                        known.sources.len()
                    );
                }
                if known.is_complete() {
                    skipped.push(name);
                }
            }
        }
    }
    Ok(skipped)
}

/// Plans and runs what is to be done; gives the names of the models used.
fn run(
    slices: &'static [Slice],
    corpus: &Corpus,
    recipe: &Recipe,
    mut loaded: Loaded,
    (manifest, labels): (Manifest, &[usize]),
    how: &How,
    meeting: engine::cluster::Meeting,
) -> Result<Vec<String>> {
    let used: BTreeSet<&str> = labels.iter().map(|l| manifest.labels[*l].slice.as_str()).collect();
    let sources = Arc::new(manifest.labels.iter().map(|l| l.sources.len() as u64).collect());
    let names: Arc<Vec<String>> =
        Arc::new(manifest.labels.iter().map(|label| label.name.clone()).collect());
    let mut setups: BTreeMap<&str, Setup> = BTreeMap::new();
    let mut graphs = BTreeMap::new();
    for slice in slices.iter().filter(|slice| used.contains(slice.name)) {
        let settings = recipe.slices[slice.name].clone();
        let of_slice = loaded.models(slice, recipe)?;
        let (labels, sources) = (Arc::clone(&names), Arc::clone(&sources));
        let setup = Setup { slice: slice.name, settings, models: of_slice, labels, sources };
        setups.insert(slice.name, setup.clone());
        let graph: Graph = Arc::new(move |docs: engine::Docs<'_>| (slice.graph)(docs, &setup));
        graphs.insert(slice.name, (slice.reader(&recipe.slices[slice.name]), graph));
    }
    let work: Vec<Work> = labels
        .iter()
        .map(|&number| {
            let label = &manifest.labels[number];
            Work {
                label: number as u64,
                sizes: label.sizes(),
                from: label.position.expect("only unfinished labels are work"),
                groups: setups[label.slice.as_str()].groups(number),
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
    let job = Job { manifest, recipe, plan, slices: graphs, together, progress };
    engine::run(corpus, job, meeting, &options)?;
    display.finish();
    let told = |(slice, setup): (&&str, &Setup)| {
        format!("{slice}: language by {}", setup.models.language_name())
    };
    Ok(setups.iter().filter(|(_, setup)| setup.models.identify()).map(told).collect())
}
