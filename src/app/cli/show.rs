//! `sluice show`.

use super::exit::DONE;
use crate::look::{Look, find, whole};
use crate::terminal::{outln, page};
use anyhow::Result;
use clap::Args;
use recipe::Slices;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice show corpus 'common_crawl/2019-30/a.warc.wet.gz#5'
  sluice show corpus https://a.example/page --json | jq .thresholds

A kept document is read from the corpus, and so is one that calibrate dropped,
until prune; any other dropped one is read again from its source, so its text
is known only as long as the source is there and unchanged.
The values that the rules compared with the recipe stand under the verdict. On
a terminal the output goes through $PAGER.";

/// Show one document, kept or dropped, and what decided about it
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Show {
    /// The corpus
    corpus: PathBuf,
    /// The id, SLICE/LABEL/SOURCE#RECORD, as in meta.id; or the URL of a document
    id: String,
    /// Print JSON: one object with text, meta, thresholds and the row of the ledger
    #[arg(long)]
    json: bool,
    /// Do not use a pager
    #[arg(long)]
    no_pager: bool,
}

impl Show {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let look = Look::open(slices, &self.corpus)?;
        let (label, row) = find(&look, &self.id)?;
        look.views(label, &[row], |view| {
            if self.json {
                return outln!("{}", serde_json::to_string(view)?);
            }
            page(&whole(view), !self.no_pager)
        })?;
        Ok(DONE)
    }
}
