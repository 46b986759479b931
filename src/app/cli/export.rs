//! `sluice export`.

use super::exit::DONE;
use crate::terminal::log::verbosity;
use crate::terminal::{Verbosity, outln};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use corpus::Corpus;
use corpus::export::{Format, export};
use indicatif::{HumanBytes, HumanCount};
use recipe::usage::usage;
use recipe::{Slices, find_slice};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice export corpus --out out --format jsonl.zst

  python -c 'from datasets import load_dataset; print(load_dataset(\"out\", \"common_crawl\"))'";

/// Write the corpus as files for training, in an order that does not depend on how it was built
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Export {
    /// The corpus
    corpus: PathBuf,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this slice; may be given several times
    #[arg(long, value_name = "S")]
    slice: Vec<String>,
    /// The format of the files
    #[arg(long, default_value = "jsonl")]
    format: FormatName,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatName {
    /// One JSON object per line
    Jsonl,
    /// The same, compressed with Zstandard
    #[value(name = "jsonl.zst")]
    JsonlZst,
    /// Columns text and meta
    Parquet,
}

impl Export {
    pub fn run(self, slices: Slices) -> Result<u8> {
        for name in &self.slice {
            find_slice(slices, name)?;
        }
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        if let Err(error) = corpus.check_stray(&manifest) {
            // If a run has committed since the manifest was read, the stray files are its own.
            let now = corpus.manifest()?.map(|manifest| manifest.commit);
            anyhow::ensure!(now != Some(manifest.commit), error);
        }
        for label in manifest.labels.iter().filter(|label| !label.is_complete()) {
            let name = label.full_name();
            tracing::warn!("{name} is not complete: the export has what is committed of it so far");
        }
        let is_wanted = |slice: &String| self.slice.contains(slice);
        if !self.slice.is_empty() && !manifest.labels.iter().any(|label| is_wanted(&label.slice)) {
            let (shown, slices) = (self.corpus.display(), self.slice.join(", "));
            return Err(usage(format!(
                "{shown} has no label of {slices}: there is nothing to export"
            )));
        }
        check_out(&self.out)?;
        let format = match self.format {
            FormatName::Jsonl => Format::Jsonl,
            FormatName::JsonlZst => Format::JsonlZst,
            FormatName::Parquet => Format::Parquet,
        };
        let report = |name: &str| tracing::info!("exporting {name}");
        let files = export(&corpus, &manifest, &self.out, &self.slice, format, report)?;
        if verbosity() != Verbosity::Quiet {
            for file in &files {
                let (documents, bytes) = (HumanCount(file.documents), HumanBytes(file.bytes));
                outln!("{}: {documents} documents, {bytes}", self.out.join(&file.path).display())?;
            }
        }
        Ok(DONE)
    }
}

/// Fails for a folder with files that no export made: some could be overwritten.
fn check_out(out: &Path) -> Result<()> {
    if out.join("manifest.json").is_file() && !out.join("commits").exists() {
        return Ok(());
    }
    let cannot_read = || format!("cannot read {}", out.display());
    match std::fs::read_dir(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        entries => {
            match entries.with_context(cannot_read)?.next().transpose().with_context(cannot_read)? {
                None => Ok(()),
                Some(entry) => Err(usage(format!(
                    "--out {}: {} is in it, which no export made; choose a new or empty folder",
                    out.display(),
                    entry.path().display()
                ))),
            }
        }
    }
}
