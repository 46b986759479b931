//! `sluice train importance`.

use super::stages::Stages;
use super::{OutputFlags, exit_code};
use crate::terminal::log::is_quiet;
use crate::terminal::{outln, print_json};
use crate::texts::{CorpusPart, Passed, TextFiles, TextFlags};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use indicatif::HumanCount;
use recipe::usage::usage;
use serde_json::json;
use signals::{WordCounts, counts_file};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice train importance --collection web --lang en --out models/signals \\
    corpus --slice common_crawl
  sluice train importance --collection books --lang en --out models/signals \\
    books.jsonl.zst

Then, in the recipe: signal_models = \"models/signals\". A collection is compared with `web`: count both.";

/// Count a collection's words, for importance weights (DSIR): one of a recipe's signal_models
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Importance {
    /// What the texts are: wikipedia, books, openwebtext, or web, with which the others are
    /// compared
    #[arg(long, value_name = "NAME")]
    collection: String,
    /// The language of the texts; texts whose meta.language is another are skipped
    #[arg(long, value_name = "LANG")]
    lang: String,
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Count only the first N texts (RedPajama-V2: 500,000)
    #[arg(long, default_value_t = 500_000, value_name = "N")]
    texts: u64,
    /// Texts: JSON lines, files with one text per line, corpora
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<String>,
    #[command(flatten)]
    part: CorpusPart,
    #[command(flatten)]
    text_flags: TextFlags,
    #[command(flatten)]
    output: OutputFlags,
}

impl Importance {
    pub fn run(self) -> Result<u8> {
        let name = counts_file(&self.collection, &self.lang).ok_or_else(|| {
            let collection = &self.collection;
            usage(format!(
                "--collection {collection}: wikipedia, books, openwebtext or web expected"
            ))
        })?;
        let files = TextFiles::find(&self.inputs, &self.part, Some(&self.lang), &self.text_flags)?;
        let mut stages = Stages::new();
        let (mut counts, mut passed) = (WordCounts::default(), Passed::default());
        let counted = files.for_each(&mut passed, &mut |text| {
            stages.count("counting words", counts.texts);
            if counts.texts == self.texts {
                // Ends the reading; not reported.
                return Err(anyhow!("all texts are counted"));
            }
            counts.add(text);
            Ok(())
        });
        if counts.texts < self.texts {
            counted?;
        }
        drop(stages);
        if counts.words == 0 {
            let error = usage(format!("{}: no words in these texts", self.inputs.join(" ")));
            return Err(passed.explain(error));
        }
        let path = self.out.join(name);
        let cannot_write = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(&self.out).with_context(cannot_write)?;
        durable::write(&path, &serde_json::to_vec(&counts)?).with_context(cannot_write)?;
        passed.print();
        if self.output.json {
            let mut report = json!({"texts": counts.texts, "words": counts.words, "file": path.to_string_lossy()});
            passed.add_to(&mut report);
            print_json(&report)?;
        } else if !is_quiet() {
            let (texts, words) = (HumanCount(counts.texts), HumanCount(counts.words));
            outln!("{words} words of {texts} texts counted in {}", path.display())?;
        }
        Ok(exit_code(&passed))
    }
}
