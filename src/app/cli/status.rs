//! `sluice status`.

use super::exit::DONE;
use crate::terminal::counts::{label_json, print_counts};
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use arrangement::RunMeta;
use clap::Args;
use corpus::{Corpus, Manifest};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice status corpus
  sluice status corpus --json | jq '.slices.common_crawl.labels'";

/// Print the commit, labels and counts of a corpus, and the size of its state
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Status {
    /// The corpus
    corpus: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn run(self) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        corpus.check_folders(&manifest)?;
        if self.json {
            print_json(&status_json(&manifest))?;
        } else {
            print_status(&manifest)?;
        }
        Ok(DONE)
    }
}

pub(super) fn status_json(manifest: &Manifest) -> Value {
    let mut slices = json!({});
    for label in &manifest.labels {
        slices[&label.slice]["labels"][&label.name] = label_json(label);
    }
    let mut state = json!({});
    for (index, runs) in &manifest.state {
        let size = index_size(runs);
        state[index] = json!({
            "keys": size.keys,
            "runs": runs.len(),
            "disk_bytes": size.disk_bytes,
            "resident_bytes": size.resident_bytes,
        });
    }
    let aside = crate::terminal::aside::json(manifest);
    json!({"commit": manifest.commit, "slices": slices, "state": state, "aside": aside})
}

struct IndexSize {
    keys: u64,
    disk_bytes: u64,
    resident_bytes: u64,
}

fn index_size(runs: &[RunMeta]) -> IndexSize {
    IndexSize {
        keys: runs.iter().map(|run| run.entries).sum(),
        disk_bytes: arrangement::disk_bytes(runs),
        resident_bytes: runs.iter().map(RunMeta::resident_bytes).sum(),
    }
}

pub(super) fn print_status(manifest: &Manifest) -> Result<()> {
    outln!("commit {}", manifest.commit)?;
    if manifest.labels.is_empty() {
        outln!("no labels yet; add one with: sluice add CORPUS --slice S --label L PATH...")?;
        return Ok(());
    }
    print_counts(&manifest.labels)?;
    for label in manifest.labels.iter().filter(|label| !label.is_complete()) {
        outln!("{} is not complete: run the command that added it again", label.full_name())?;
    }
    for label in manifest.labels.iter().filter(|label| label.defects_count > 0) {
        let (name, count) = (label.full_name(), label.defects_count);
        outln!("{name} has {count} defects: run the command that added it again to list them")?;
    }
    if let Some(line) = crate::terminal::aside::line(manifest) {
        outln!("{line}")?;
    }
    for (index, runs) in &manifest.state {
        let size = index_size(runs);
        outln!(
            "index of {index}: {} keys in {} runs, {} on disk",
            HumanCount(size.keys),
            runs.len(),
            HumanBytes(size.disk_bytes)
        )?;
    }
    Ok(())
}
