//! Building from parts of the sources, in a temporary corpus, and measuring what that takes.

use super::amounts::{Amounts, Quantity};
use crate::ingest::{Loaded, RunOptions, ingest_with};
use crate::machine::cpu_seconds;
use anyhow::{Context, Result};
use arrangement::RunMeta;
use corpus::{Corpus, Label, Manifest, PartWriter, Source};
use document::Document;
use engine::OperatorFigures;
use engine::cluster::Cluster;
use engine::{CommitEvery, Engine};
use recipe::{Input, Recipe, Slices};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A temporary corpus.
pub(crate) struct Bench<'a> {
    slices: Slices,
    recipe: &'a Recipe,
    root: PathBuf,
    loaded: Loaded,
    workers: usize,
    memory_bytes: u64,
    /// Labels added so far.
    labels: usize,
    /// Bytes of a ledger file with one row.
    ledger_file_bytes: f64,
}

/// What was measured with some parts of a label.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Bytes as stored.
    pub stored: f64,
    /// Wall clock.
    pub seconds: f64,
    /// The bytes of the ledger are without those of each file.
    pub amounts: Amounts,
    /// Bytes that the ledger's files take besides their rows.
    pub ledger_files: f64,
    /// Bytes of the files of the indexes that it added, negative if merges made them smaller.
    pub state_bytes: f64,
    /// Operators and the time that they took; none if they were not timed.
    pub operators: Vec<OperatorFigures>,
    pub defects: u64,
}

impl<'a> Bench<'a> {
    /// Makes the corpus in `folder`. If `known` is given, its history is that corpus: the files of
    /// its indexes are read where they are, and never written.
    ///
    /// # Errors
    /// If a file cannot be created.
    pub fn new(
        slices: Slices,
        recipe: &'a Recipe,
        folder: &Path,
        known: Option<(&Corpus, &Manifest)>,
        workers: usize,
        memory_bytes: u64,
    ) -> Result<Bench<'a>> {
        let root = folder.join("corpus");
        if let Some((known, manifest)) = known {
            copy_history(slices, recipe, &root, known, manifest)?;
        }
        let (loaded, labels) = (Loaded::default(), 0);
        let ledger_file_bytes = ledger_file_bytes(&folder.join("one-row"))?;
        Ok(Bench { slices, recipe, root, loaded, workers, memory_bytes, labels, ledger_file_bytes })
    }

    /// Loads the models of the slices that are named `used`. Returns the CPU seconds that took.
    ///
    /// # Errors
    /// If a model cannot be loaded.
    pub fn load_models(&mut self, used: &[&str]) -> Result<f64> {
        let before = cpu_seconds();
        for slice in self.slices.iter().filter(|slice| used.contains(&slice.name())) {
            self.loaded.models(*slice, self.recipe)?;
        }
        Ok(cpu_seconds() - before)
    }

    /// Adds files to the corpus as a new label of `slice`, whose name begins with `name`.
    ///
    /// # Errors
    /// If the build fails.
    pub fn add(
        &mut self,
        slice: &str,
        name: &str,
        files: &[PathBuf],
        stored: u64,
        times_operators: bool,
    ) -> Result<Measured> {
        self.labels += 1;
        let name: String = name.chars().take(80).collect();
        let label = format!("{name}.part-{}", self.labels);
        let paths = files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let input = Input { slice: slice.to_owned(), label: label.clone(), paths };
        let options = RunOptions {
            workers: self.workers,
            cluster: Cluster::single(),
            memory_bytes: self.memory_bytes,
            epoch_bytes: None,
            commit_every: CommitEvery::default(),
            engine: Engine::Arrangement,
            strict: false,
            dashboard: None,
            times_operators,
        };
        let before = self.manifest()?.map(|manifest| manifest.state).unwrap_or_default();
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let inputs = [input];
        let summary =
            ingest_with(&mut self.loaded, self.slices, &self.root, self.recipe, &inputs, options)?;
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let manifest = self.manifest()?.context("the sample has no commit")?;
        let done = manifest.label(slice, &label).context("the sample was not added")?;
        let mut amounts = Amounts::of_label(done);
        amounts.set(Quantity::Cpu, cpu);
        let ledger_files = done.ledger.len() as f64 * self.ledger_file_bytes;
        let rows = amounts.of(&Quantity::Ledger) - ledger_files;
        amounts.set(Quantity::Ledger, rows.max(0.0));
        let mut state_bytes = 0.0;
        for (index, runs) in &manifest.state {
            let earlier = before.get(index).map_or(&[][..], Vec::as_slice);
            amounts.set(Quantity::Keys(index.clone()), entries(runs) - entries(earlier));
            state_bytes +=
                arrangement::disk_bytes(runs) as f64 - arrangement::disk_bytes(earlier) as f64;
        }
        let (operators, defects) = (summary.operators, done.defects_count);
        let stored = stored as f64;
        Ok(Measured { stored, seconds, amounts, ledger_files, state_bytes, operators, defects })
    }

    /// Returns the bytes of a ledger file besides its rows.
    pub fn ledger_file_bytes(&self) -> f64 {
        self.ledger_file_bytes
    }

    /// Returns the size of the keys of each index.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub fn key_bytes(&self) -> Result<BTreeMap<String, u32>> {
        let state = self.manifest()?.map(|manifest| manifest.state).unwrap_or_default();
        let sizes =
            state.into_iter().filter_map(|(index, runs)| Some((index, runs.first()?.key_bytes)));
        Ok(sizes.collect())
    }

    fn manifest(&self) -> Result<Option<Manifest>> {
        match Corpus::open(&self.root) {
            Err(corpus::Error::Missing { .. }) => Ok(None),
            opened => Ok(opened?.manifest()?),
        }
    }
}

impl Measured {
    /// Adds what was measured with other parts.
    pub fn add(&mut self, other: &Measured) {
        self.stored += other.stored;
        self.seconds += other.seconds;
        self.amounts.add(&other.amounts);
        self.ledger_files += other.ledger_files;
        self.state_bytes += other.state_bytes;
        self.operators.extend(other.operators.iter().cloned());
        self.defects += other.defects;
    }
}

/// Returns the bytes of a ledger file with one row: nearly all of it is what each file has.
fn ledger_file_bytes(folder: &Path) -> Result<f64> {
    let corpus = Corpus::create(folder)?;
    let (slice, name) = ("a".to_owned(), "a".to_owned());
    let label = Label { slice, name, sources: vec![Source::default()], ..Label::default() };
    let mut writer = PartWriter::new(&corpus, Arc::new(label), 1, 0);
    let mut document = Document::default();
    document.reject("a");
    writer.push(&document, None)?;
    let ledger = writer.finish()?.ledger;
    Ok(ledger.map_or(0.0, |file| file.bytes as f64))
}

fn entries(runs: &[RunMeta]) -> f64 {
    runs.iter().map(|run| run.entries as f64).sum()
}

/// Makes a corpus at `root` that has the labels and the indexes of another, and no documents.
fn copy_history(
    slices: Slices,
    recipe: &Recipe,
    root: &Path,
    known: &Corpus,
    manifest: &Manifest,
) -> Result<()> {
    let corpus = Corpus::create(root)?;
    let text = recipe.print(slices);
    corpus.write_recipe(&text)?;
    // Labels that an earlier run left unfinished are over, too: their numbers are taken.
    let label = |label: &Label| Label {
        slice: label.slice.clone(),
        name: label.name.clone(),
        sources: label.sources.clone(),
        removed: label.removed,
        ..Label::default()
    };
    let labels = manifest.labels.iter().map(label).collect();
    let history = Manifest { labels, recipe_toml: Some(text), ..manifest.clone() };
    let from = std::path::absolute(known.root())?;
    for name in history.files() {
        let (from, to) = (from.join(&name), root.join(&name));
        std::fs::create_dir_all(durable::folder_of(&to))?;
        // Two parts of one file are two runs.
        if !to.is_symlink() {
            symlink(&from, &to).with_context(|| format!("cannot create {}", to.display()))?;
        }
    }
    corpus.commit(&history)?;
    Ok(())
}
