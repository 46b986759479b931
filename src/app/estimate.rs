//! What a build of a recipe will take, estimated from a sample of its inputs.
//!
//! - `parts`: which parts of the sources are the sample; `excerpt`: each as a file.
//! - `measure`: builds of the parts, in a temporary corpus that has the history of the real one.
//! - `growth`, `join_cost`: what a sample does not show: more copies, and a larger index.
//! - `of_slice`, `forecast`: from the measurements to a slice, and to the whole.
//! - `memory`: what a process of the build uses.

mod amounts;
mod excerpt;
mod forecast;
mod growth;
mod join_cost;
mod measure;
mod memory;
mod of_slice;
mod parts;

pub(crate) use self::amounts::Quantity;
pub(crate) use self::forecast::{Cost, Forecast};
pub(crate) use self::memory::Memory;
pub(crate) use self::of_slice::Grown;
pub(crate) use self::parts::Size;

use self::excerpt::{Excerpt, excerpt};
use self::forecast::forecast;
use self::join_cost::JoinCost;
use self::measure::{Bench, Measured};
use self::memory::resident_bytes;
use self::of_slice::{LabelSample, SliceSample};
use self::parts::{Parts, choose};
use crate::ingest::{Added, check_recipe, refusal};
use crate::interrupt;
use crate::machine::cpu_seconds;
use crate::scratch::Scratch;
use crate::terminal::notice;
use anyhow::{Context, Result};
use corpus::{Corpus, Label, Manifest, Source};
use recipe::usage::usage;
use recipe::{AnySlice, Recipe, Slices, find_slice};
use std::path::{Path, PathBuf};

/// Stages of a sample: each is a build, so that it shows what grows, and the spread.
const STAGES: usize = 8;

/// Stages whose parts are added once more, as copies.
const REPEATED_STAGES: usize = 2;

/// Machines on which the build would run, one process on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machines {
    pub count: usize,
    /// Workers of each.
    pub cores: usize,
}

/// How to estimate.
pub(crate) struct Options {
    pub size: Size,
    /// Workers of the sample, and of a build on this machine.
    pub workers: usize,
    /// Memory of a process of this many workers.
    pub memory_bytes: u64,
    /// Memory of a process on `machines`.
    pub machine_memory_bytes: u64,
    pub machines: Option<Machines>,
    /// Where the temporary folder is made.
    pub dir: Option<PathBuf>,
}

/// The sample, and what it says.
pub(crate) struct Estimate {
    /// Labels that are left to build, of those of the recipe.
    pub labels: u64,
    /// Labels that the corpus has already.
    pub labels_done: u64,
    /// Sources left, and those that the sample has parts of.
    pub sources: u64,
    pub sources_sampled: u64,
    /// Parts that were read, and those of which nothing could be read.
    pub parts: u64,
    pub unreadable: u64,
    /// Whether the sample is everything that is left.
    pub is_everything: bool,
    /// Sources of which only the beginning was read.
    pub beginnings: u64,
    /// Sources that are too large to be read whole, and cannot be read in part.
    pub too_large: u64,
    /// What the sample took.
    pub sampled: Measured,
    pub forecast: Forecast,
}

/// Estimates what it takes to build what `recipe` names and the corpus at `root` does not have.
/// `None` if there is nothing left. Writes nothing into the corpus.
///
/// # Errors
/// If the recipe cannot be built, or no part of its inputs can be read.
pub(crate) fn estimate(
    slices: Slices,
    root: &Path,
    recipe: &Recipe,
    options: &Options,
) -> Result<Option<Estimate>> {
    let known = match Corpus::open(root) {
        Err(corpus::Error::Missing { .. }) => None,
        opened => Some(opened?),
    };
    let manifest = known.as_ref().map(Corpus::manifest).transpose()?.flatten();
    let known = known.as_ref().zip(manifest.as_ref());
    if let Some((corpus, manifest)) = known {
        check_recipe(corpus, manifest, recipe, slices)?;
    }
    let planned = planned(slices, root, recipe, known.map(|known| known.1))?;
    let work: Vec<&Label> = planned.labels.iter().filter(|label| !label.is_complete()).collect();
    if work.is_empty() {
        return Ok(None);
    }
    interrupt::watch()?;
    let scratch = Scratch::new(options.dir.as_deref())?;
    let mut bench =
        Bench::new(slices, recipe, scratch.path(), known, options.workers, options.memory_bytes)?;
    let mut used: Vec<&str> = work.iter().map(|label| label.slice.as_str()).collect();
    used.sort_unstable();
    used.dedup();
    let before_models = resident_bytes();
    let models_cpu = bench.load_models(&used)?;
    let models_bytes = resident_bytes().saturating_sub(before_models);
    let folder = scratch.path().join("parts");
    let mut samples = samples(slices, recipe, &work, options.size, &folder)?;
    take(&mut bench, &mut samples)?;
    let reading: Vec<f64> =
        samples.iter().map(|sample| reading_cost(slices, recipe, sample)).collect::<Result<_>>()?;
    let by_slice = used.iter().map(|name| {
        let of_slice = || samples.iter().zip(&reading).filter(|(s, _)| s.label.slice == *name);
        SliceSample {
            name: (*name).to_owned(),
            labels: of_slice().map(|(sample, reading)| sample.measured(*reading)).collect(),
        }
    });
    let context = forecast::Context {
        planned: &planned,
        history: known.map(|known| &known.1.state),
        models_cpu,
        models_bytes,
        join: JoinCost::measure(scratch.path())?,
        key_bytes: bench.key_bytes()?,
        ledger_file_bytes: bench.ledger_file_bytes(),
        folder: scratch.path(),
        options,
    };
    let is_everything = samples.iter().all(|sample| sample.parts.is_everything);
    let forecast = forecast(by_slice.collect(), is_everything, &context)?;
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>();
    let mut sampled = Measured::default();
    samples.iter().flat_map(|sample| &sample.stages).for_each(|stage| sampled.add(stage));
    Ok(Some(Estimate {
        labels: work.len() as u64,
        labels_done: planned.present().filter(|label| label.is_complete()).count() as u64,
        sources: work.iter().map(|label| sources_left(label).len() as u64).sum(),
        sources_sampled: sum(|sample| sample.sources()),
        parts: sum(|sample| sample.excerpts.len() as u64),
        unreadable: sum(|sample| sample.unreadable),
        is_everything,
        beginnings: sum(|sample| sample.parts.beginnings),
        too_large: sum(|sample| sample.parts.too_large),
        sampled,
        forecast,
    }))
}

/// Returns the manifest as the build would begin with it.
fn planned(
    slices: Slices,
    root: &Path,
    recipe: &Recipe,
    known: Option<&Manifest>,
) -> Result<Manifest> {
    let mut planned = known.cloned().unwrap_or_else(|| Manifest::empty(recipe.fingerprint.clone()));
    if recipe.inputs.is_empty() && planned.labels.iter().all(Label::is_complete) {
        return Err(usage("the recipe names no inputs: add an [[input]] with slice, label, paths"));
    }
    // Not as the first process of a run: that one reads both ends of every source.
    let mut added = Added::new(slices, recipe, root, false, false);
    for found in added.find(&recipe.inputs, known)? {
        added.add(found, &mut planned)?;
    }
    added.refused.iter().for_each(|refused| notice(refused));
    Ok(planned)
}

/// The sources of a label from the first that is not read completely.
fn sources_left(label: &Label) -> &[Source] {
    &label.sources[label.position.unwrap_or_default().source as usize..]
}

/// The sample of a label.
struct Sample<'a> {
    label: &'a Label,
    slice: &'static dyn AnySlice,
    parts: Parts,
    /// Those that can be read, in order.
    excerpts: Vec<Excerpt>,
    unreadable: u64,
    stages: Vec<Measured>,
    /// The last stages, measured when their parts were new and when they were copies.
    repeated: Vec<(Measured, Measured)>,
}

impl Sample<'_> {
    /// How many sources it has parts of.
    fn sources(&self) -> u64 {
        let mut paths: Vec<&PathBuf> = self.parts.parts.iter().map(|part| &part.path).collect();
        paths.dedup();
        paths.len() as u64
    }

    fn measured(&self, reading: f64) -> LabelSample {
        let left = sources_left(self.label);
        LabelSample {
            left: left.iter().map(|source| source.bytes).sum::<u64>() as f64,
            records_done: self.label.position.unwrap_or_default().record as f64,
            largest: left.iter().map(|source| source.bytes).max().unwrap_or(0) as f64,
            reading,
            stages: self.stages.clone(),
            repeated: self.repeated.clone(),
        }
    }
}

/// Chooses the parts of all labels, and makes them readable, in `folder`.
fn samples<'a>(
    slices: Slices,
    recipe: &Recipe,
    work: &[&'a Label],
    size: Size,
    folder: &Path,
) -> Result<Vec<Sample<'a>>> {
    let bytes = |label: &Label| sources_left(label).iter().map(|source| source.bytes).sum::<u64>();
    let all: u64 = work.iter().map(|label| bytes(label)).sum();
    let mut samples = Vec::new();
    for label in work {
        let slice = find_slice(slices, &label.slice)?;
        let parts = choose(slice, label, bytes(label), all, size);
        let (mut excerpts, mut unreadable) = (Vec::new(), 0);
        for part in &parts.parts {
            let number = samples.len() * 1_000_000 + excerpts.len();
            let found = excerpt(slice, part, &folder.join(number.to_string()))?;
            let source =
                Source { path: found.path.to_string_lossy().into_owned(), ..Source::default() };
            match refusal(slice, recipe, &[source]) {
                None => excerpts.push(found),
                Some(_) => unreadable += 1,
            }
        }
        let (stages, repeated) = (Vec::new(), Vec::new());
        samples.push(Sample { label, slice, parts, excerpts, unreadable, stages, repeated });
    }
    if samples.iter().all(|sample| sample.excerpts.is_empty()) {
        anyhow::bail!("no part of the inputs can be read: sluice build lists what is wrong");
    }
    Ok(samples)
}

/// Builds from the sample: stage after stage, and in each stage label after label.
fn take(bench: &mut Bench<'_>, samples: &mut [Sample<'_>]) -> Result<()> {
    let is_everything = samples.iter().all(|sample| sample.parts.is_everything);
    let stages = if is_everything { 1 } else { STAGES };
    let files = |sample: &Sample<'_>, stage: usize| {
        let mine = || sample.excerpts.iter().skip(stage).step_by(stages);
        (mine().map(|part| part.path.clone()).collect::<Vec<_>>(), mine().map(|p| p.bytes).sum())
    };
    let mut timed: Vec<&str> = Vec::new();
    for stage in 0..stages {
        for sample in samples.iter_mut() {
            let (files, bytes) = files(sample, stage);
            if files.is_empty() {
                continue;
            }
            let (slice, name) = (sample.slice.name(), &sample.label.name);
            let is_first = !timed.contains(&slice);
            timed.push(slice);
            sample.stages.push(bench.add(slice, name, &files, bytes, is_first)?);
        }
    }
    if is_everything {
        return Ok(());
    }
    for sample in samples.iter_mut() {
        let last = sample.stages.len().min(stages);
        for stage in last.saturating_sub(REPEATED_STAGES)..last {
            let (files, bytes) = files(sample, stage);
            let (slice, name) = (sample.slice.name(), &sample.label.name);
            let again = bench.add(slice, name, &files, bytes, false)?;
            sample.repeated.push((sample.stages[stage].clone(), again));
        }
    }
    Ok(())
}

/// Returns the CPU seconds that reading a stored byte of the sample takes, without anything else.
fn reading_cost(slices: Slices, recipe: &Recipe, sample: &Sample<'_>) -> Result<f64> {
    let slice = find_slice(slices, sample.slice.name())?;
    let Some(part) = sample.excerpts.iter().max_by_key(|part| part.bytes) else { return Ok(0.0) };
    let reader = slice.reader(recipe.settings(slice.name()));
    let before = cpu_seconds();
    let documents =
        reader(&part.path).with_context(|| format!("cannot read {}", part.path.display()))?;
    // Dropped one by one, as in a run.
    documents.for_each(drop);
    Ok((cpu_seconds() - before) / part.bytes.max(1) as f64)
}
