//! `sluice verify`.

use super::{DONE, FAILED};
use anyhow::{Context, Result};
use clap::Args;
use corpus::{Corpus, verify};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice verify corpus --deep && echo sound";

/// Check a corpus: checksums, order, sums; with --deep also state against ledger
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Verify {
    /// The corpus
    corpus: PathBuf,
    /// Read the whole state, and hold it against the ledger
    #[arg(long)]
    deep: bool,
    /// Name each file as it is read
    #[arg(short, long)]
    verbose: bool,
}

impl Verify {
    pub fn run(self) -> Result<u8> {
        let corpus = Corpus::open(&self.corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        let mut files = 0;
        let tell = |name: &str| {
            files += 1;
            if self.verbose {
                eprintln!("{name}");
            }
        };
        let findings = verify(&corpus, &manifest, self.deep, tell)?;
        for finding in &findings {
            println!("{finding}");
        }
        match findings.len() {
            0 => println!("commit {}: {files} files, all as they should be", manifest.commit),
            found => println!("commit {}: {files} files, {found} findings", manifest.commit),
        }
        Ok(if findings.is_empty() { DONE } else { FAILED })
    }
}
