//! `sluice add`.

use super::run_flags::RunFlags;
use crate::guard::warnings;
use crate::ingest::ingest;
use anyhow::Result;
use clap::Args;
use corpus::Corpus;
use recipe::usage::usage;
use recipe::{Input, Recipe, Slices, check_label, find_slice};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice add corpus --slice common_crawl --label 2020-05 cc/2020-05/*.wet.gz
  sluice add corpus --slice common_crawl --label 2023-06 cc://CC-MAIN-2023-06

An interrupted add resumes at its last commit when you run the same command again.";

/// Add one label, a dump for example, to a corpus
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Add {
    /// The corpus; created with default settings if it does not exist
    corpus: PathBuf,
    /// The slice, such as common_crawl
    #[arg(long)]
    slice: String,
    /// The name of what is added, such as that of a dump
    #[arg(long)]
    label: String,
    /// Files, patterns, folders, addresses (https://, s3://, gs://, az://, cc://DUMP), or @FILE with
    /// one of these per line
    #[arg(required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    flags: RunFlags,
}

impl Add {
    pub fn run(self, slices: Slices) -> Result<u8> {
        find_slice(slices, &self.slice)?;
        check_label(&self.label).map_err(usage)?;
        let recipe = match Corpus::open(&self.corpus) {
            Ok(corpus) => Recipe::of_corpus(slices, &corpus)?,
            Err(corpus::Error::Missing { .. }) => Recipe::default(slices),
            Err(error) => return Err(error.into()),
        };
        let (slice, label) = (self.slice.clone(), self.label.clone());
        let input = Input { slice, label, paths: self.paths.clone() };
        let summary = ingest(slices, &self.corpus, &recipe, &[input], self.flags.options()?)?;
        let warnings = warnings(slices, &self.corpus, &summary, recipe.warn_removed);
        self.flags.report(&summary, &warnings)
    }
}
