//! `sluice sample`.

use super::exit::DONE;
use super::selection::Selection;
use crate::look::{Look, View, excerpt, sample};
use crate::terminal::units::count;
use crate::terminal::{outln, page};
use anyhow::Result;
use clap::Args;
use corpus::{Label, Verdicts};
use indicatif::HumanCount;
use recipe::Slices;
use recipe::usage::usage;
use std::collections::BTreeMap;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice sample corpus --slice common_crawl --reason quality -n 5
  sluice sample corpus --kept --label 2019-30 -n 1000 --json > sample.jsonl

Each record has the same chance. The sample depends on the records and on
--seed only, not on how the corpus was built. Of a kept document the text in
the corpus is shown, also of one that calibrate dropped, until prune; of any
other dropped one the text as it was read: again from its source, if that is
still there and unchanged.";

/// Show a random sample of documents, kept and dropped
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Sample {
    /// The corpus
    corpus: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Only records dropped for this reason, such as too_short; or: kept, dropped
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only kept documents
    #[arg(long, conflicts_with = "reason")]
    kept: bool,
    /// Number of records
    #[arg(short = 'n', long, default_value = "10", value_parser = count, value_name = "N")]
    number: u64,
    /// Another number gives another sample
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print whole texts, not only their first lines
    #[arg(long)]
    full: bool,
    /// Print JSON: one object to a line, as `show --json`
    #[arg(long)]
    json: bool,
    /// Do not use a pager
    #[arg(long)]
    no_pager: bool,
}

impl Sample {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let look = Look::open(slices, &self.corpus)?;
        let labels = self.selection.of(&look.manifest)?;
        let verdicts = self.verdicts(&labels)?;
        let chosen = sample(&look, &labels, &verdicts, self.number, self.seed)?;
        let mut plain = String::new();
        let mut print = |view: &View| -> Result<()> {
            if self.json {
                return outln!("{}", serde_json::to_string(view)?);
            }
            if !plain.is_empty() {
                plain.push('\n');
            }
            plain += &excerpt(view, self.full);
            Ok(())
        };
        for (label, rows) in &chosen {
            look.views(label, rows, &mut print)?;
        }
        if !self.json {
            page(&plain, !self.no_pager)?;
        }
        Ok(DONE)
    }

    /// Returns the verdicts that the flags name.
    fn verdicts(&self, labels: &[&Label]) -> Result<Verdicts> {
        let reason = match self.reason.as_deref() {
            _ if self.kept => return Ok(Verdicts::Kept),
            None => return Ok(Verdicts::All),
            Some("kept") => return Ok(Verdicts::Kept),
            Some("dropped") => return Ok(Verdicts::Dropped),
            Some(reason) => reason,
        };
        let mut known: BTreeMap<&str, u64> = BTreeMap::new();
        for label in labels {
            for (reason, count) in &label.counts.dropped {
                *known.entry(reason).or_default() += count;
            }
        }
        if known.contains_key(reason) {
            return Ok(Verdicts::DroppedFor(reason.to_owned()));
        }
        let list: Vec<String> = known
            .iter()
            .map(|(reason, count)| format!("{reason} ({})", HumanCount(*count)))
            .collect();
        let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        Err(usage(format!("no record was dropped for {reason}; the reasons here are: {list}")))
    }
}
