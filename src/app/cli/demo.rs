//! `sluice demo`.

use super::exit::DONE;
use super::export::export_with_card;
use super::run_flags::options;
use super::status::{print_built, status_json};
use crate::ingest::ingest;
use crate::interrupt;
use crate::terminal::log::is_quiet;
use crate::terminal::units::{cores, counted, workers};
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use clap::Args;
use corpus::Corpus;
use corpus::export::Options;
use recipe::Slices;
use recipe::usage::usage;
use recipe::{Input, Recipe};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Marks a folder that demo created, and may replace.
const MARK: &str = ".sluice-demo";

const EXAMPLE: &str = "\
Example:
  sluice demo --out /tmp/demo
  zstdcat /tmp/demo/corpus/data/*/*/*.jsonl.zst | head -1";

/// See it work: build a corpus from bundled pages, then add a second dump as an increment
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Demo {
    /// The folder to write to; must not exist yet, or be one that demo created
    #[arg(long, default_value = "sluice-demo", value_name = "DIR")]
    out: PathBuf,
    /// Workers (threads); by default one for each core
    #[arg(short = 'w', long, value_parser = workers, value_name = "N")]
    workers: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub fn run(self, slices: Slices) -> Result<u8> {
        create_folder(&self.out)?;
        let corpus = self.out.join("corpus");
        let recipe = write_recipe(slices, &self.out)?;
        for label in &write_inputs(slices, &self.out.join("inputs"))? {
            let inputs = std::slice::from_ref(label);
            let summary = ingest(slices, &corpus, &recipe, inputs, options(self.workers, 1))?;
            if let Some(code) = interrupt::exit_code() {
                return Ok(code);
            }
            for done in summary.labels.iter().filter(|_| !self.json && !is_quiet()) {
                let (name, counts) = (done.label.full_name(), &done.label.counts);
                outln!(
                    "added {name}: {} read, {} kept",
                    counted(counts.read, "document"),
                    counts.kept
                )?;
            }
        }
        let opened = Corpus::open(&corpus)?;
        let manifest = opened.manifest()?.context("the corpus has no commit")?;
        let out = self.out.join("export");
        let labels: Vec<_> = manifest.labels.iter().collect();
        let options = Options { workers: self.workers.unwrap_or_else(cores), ..Options::default() };
        let files =
            export_with_card(slices, &opened, &manifest, &labels, &&*out, &options, &())?.files;
        if self.json {
            print_json(&status_json(&manifest))?;
            return Ok(DONE);
        }
        if is_quiet() {
            return Ok(DONE);
        }
        outln!("\n== the corpus")?;
        print_built(&manifest)?;
        for file in &files {
            let documents = counted(file.documents, "document");
            outln!("{}: {documents}", out.join(&file.path).display())?;
        }
        // The documents of the first slice have scores of models.
        let is_first =
            |path: &str| slices.first().is_some_and(|slice| path.starts_with(slice.name()));
        if let Some(file) = files.iter().find(|file| is_first(&file.path)) {
            outln!("\n== {}, the first document", file.path)?;
            print_first(&out.join(&file.path))?;
        }
        outln!("\nA corpus of your own, from the bundled pages:\n")?;
        outln!(
            "  sluice add corpus --slice common_crawl --label 2019-30 {}",
            self.out.join("inputs/common_crawl/2019-30").display()
        )?;
        outln!("  sluice status corpus")?;
        outln!("  sluice report corpus --html report.html")?;
        outln!("  sluice export corpus --out out")?;
        Ok(DONE)
    }
}

/// Prints the meta fields of the first document of a file, except lists.
fn print_first(path: &Path) -> Result<()> {
    let cannot_read = || format!("cannot read {}", path.display());
    let file = fs::File::open(path).with_context(cannot_read)?;
    let Some(line) = BufReader::new(file).lines().next() else { return Ok(()) };
    let document: serde_json::Value =
        serde_json::from_str(&line.with_context(cannot_read)?).with_context(cannot_read)?;
    for (name, value) in document["meta"].as_object().into_iter().flatten() {
        if !value.is_array() {
            outln!("{name:>16}  {value}")?;
        }
    }
    Ok(())
}

/// Creates the folder, in place of one that demo created earlier.
fn create_folder(out: &Path) -> Result<()> {
    let shown = out.display();
    if out.exists() {
        if !out.join(MARK).exists() {
            return Err(usage(format!(
                "{shown} exists and was not created by demo; choose another --out"
            )));
        }
        fs::remove_dir_all(out).with_context(|| format!("cannot remove {shown}"))?;
    }
    fs::create_dir_all(out).with_context(|| format!("cannot create {shown}"))?;
    write(&out.join(MARK), b"")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the bundled models, and a recipe that names them.
fn write_recipe(slices: Slices, dir: &Path) -> Result<Recipe> {
    let models = dir.join("models");
    fs::create_dir_all(&models).with_context(|| format!("cannot create {}", models.display()))?;
    let mut text = String::new();
    for slice in slices {
        for model in slice.fixture_models() {
            write(&models.join(model.name), model.bytes)?;
        }
        text += &format!("[{}]\n{}", slice.name(), slice.demo_settings());
    }
    let path = dir.join("recipe.toml");
    write(&path, text.as_bytes())?;
    Recipe::open(slices, &path)
}

/// Writes the bundled files as a user would have them, and returns the labels in order.
fn write_inputs(slices: Slices, dir: &Path) -> Result<Vec<Input>> {
    let mut labels: Vec<Input> = Vec::new();
    for slice in slices {
        for fixture in slice.fixtures() {
            let folder = dir.join(slice.name()).join(fixture.label);
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let path = folder.join(fixture.name);
            write(&path, fixture.bytes)?;
            let path = path.to_string_lossy().into_owned();
            match labels.last_mut() {
                Some(last) if (&*last.slice, &*last.label) == (slice.name(), fixture.label) => {
                    last.paths.push(path);
                }
                _ => labels.push(Input {
                    slice: slice.name().into(),
                    label: fixture.label.into(),
                    paths: vec![path],
                }),
            }
        }
    }
    Ok(labels)
}
