//! `sluice report`.

use super::exit::DONE;
use crate::look::Look;
use crate::report::{Options, page, print, report, write_domains};
use crate::terminal::log::is_quiet;
use crate::terminal::outln;
use crate::terminal::units::{cores, workers};
use anyhow::{Context, Result};
use clap::Args;
use indicatif::HumanBytes;
use recipe::Slices;
use recipe::usage::usage;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice report corpus
  sluice report corpus --html report.html --domains domains.csv
  sluice report corpus --json | jq '.duplicates[] | {index, pairs}'

Reads the ledger and the indexes once; texts of groups of copies and samples
are read again from their sources, if these are still there. The page needs no
other file and no network.";

/// Report what is in a corpus: funnel, size, duplicates between labels, languages, sites, samples
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Report {
    /// The corpus
    corpus: PathBuf,
    /// Write a page with charts and samples to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the largest tenth of the web sites to this file, as CSV
    #[arg(long, value_name = "FILE")]
    domains: Option<PathBuf>,
    /// Texts of each slice and reason, for --html and --json
    #[arg(long, default_value_t = 2, value_name = "N")]
    samples: u64,
    /// Warn where a step drops a larger share of a source, or deduplication of what it compared of a
    /// label [default: warn_removed of the recipe]
    #[arg(long, value_name = "SHARE")]
    warn_share: Option<f64>,
    /// Threads that read; by default one for each core
    #[arg(short = 'w', long, value_parser = workers, value_name = "N")]
    workers: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Report {
    pub fn run(self, slices: Slices) -> Result<u8> {
        if let Some(share) = self.warn_share.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(usage(format!("--warn-share {share}: a share is 0 to 1")));
        }
        let look = Look::open(slices, &self.corpus)?;
        let has_samples = self.json || self.html.is_some();
        let options = Options {
            workers: self.workers.unwrap_or_else(cores),
            share_max: self.warn_share.unwrap_or_else(|| look.warn_removed()),
            samples: if has_samples { self.samples } else { 0 },
        };
        let found = report(&look, &options)?;
        if let Some(path) = &self.domains {
            write_domains(&found.domains, path)?;
            self.say(&format!("{}: {} sites", path.display(), found.domains.top.len()))?;
        }
        if let Some(path) = &self.html {
            let page = page(&found, &self.corpus.to_string_lossy())?;
            durable::write(path, page.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            let bytes = HumanBytes(page.len() as u64);
            self.say(&format!("{}: a page of {bytes}", path.display()))?;
        }
        if self.json {
            outln!("{}", serde_json::to_string(&found)?)?;
        } else if !is_quiet() && self.html.is_none() {
            print(&look, &found)?;
        }
        Ok(DONE)
    }

    /// Names a file that was written.
    fn say(&self, what: &str) -> Result<()> {
        if self.json || is_quiet() { Ok(()) } else { outln!("{what}") }
    }
}
