//! `sluice explain`.

use super::exit::DONE;
use crate::explain::{explain, plain};
use crate::look::{Look, find};
use crate::terminal::{outln, page};
use anyhow::Result;
use clap::Args;
use recipe::Slices;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice explain corpus 'common_crawl/2019-30/a.warc.wet.gz#5'
  sluice explain corpus https://a.example/page --json | jq .copy_of

The record is read again from its source and passed through the steps of its
slice, beside the indexes of the corpus: each step with its numbers, the
document of which it is a copy, the parts of its text that it lost and to
which document, and the documents that are copies of it. Models are not
needed; their results are in the ledger.
If the source is gone or has changed, the indexes are searched for the keys of
the document, which takes longer, and the texts of parts are not known.";

/// Explain a document: every step with its numbers, whose copy it is, and what are copies of it
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Explain {
    /// The corpus
    corpus: PathBuf,
    /// The id, SLICE/LABEL/SOURCE#RECORD, as in meta.id; or the URL of a document
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Do not use a pager
    #[arg(long)]
    no_pager: bool,
}

impl Explain {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let look = Look::open(slices, &self.corpus)?;
        let (label, row) = find(&look, &self.id)?;
        let explanation = explain(&look, label, &row)?;
        if self.json {
            outln!("{}", serde_json::to_string(&explanation)?)?;
        } else {
            page(&plain(&explanation), !self.no_pager)?;
        }
        Ok(DONE)
    }
}
