//! `sluice prune`.

use super::exit::DONE;
use crate::ingest::recover;
use crate::terminal::log::is_quiet;
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use clap::Args;
use corpus::{Corpus, Lock};
use indicatif::{HumanBytes, HumanCount};
use recipe::Slices;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice prune corpus --dry-run
  sluice prune corpus

The documents of the corpus and its export stay the same. Afterwards a threshold can only be raised,
and evaluation sets can only be added; for anything else, build the corpus again.";

/// Remove what calibrate and decontaminate dropped or changed and keep aside
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Prune {
    /// The corpus
    corpus: PathBuf,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Prune {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        let _lock = if self.dry_run { None } else { Some(Lock::take(&self.corpus)?) };
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let (documents, bytes) = corpus.prunable(&manifest)?;
        let commit = if self.dry_run {
            manifest.commit
        } else {
            recover(slices, &corpus, &manifest)?;
            corpus.prune(manifest)?.commit
        };
        if self.json {
            let dry_run = self.dry_run;
            print_json(&json!({
                "documents": documents, "bytes": bytes, "dry_run": dry_run, "commit": commit,
            }))?;
        } else if !is_quiet() {
            let (documents, bytes) = (HumanCount(documents), HumanBytes(bytes));
            if self.dry_run {
                outln!("prune would remove {documents} documents kept aside, {bytes} on disk")?;
            } else {
                outln!(
                    "removed {documents} documents kept aside, {bytes} on disk; commit {commit}"
                )?;
            }
        }
        Ok(DONE)
    }
}
