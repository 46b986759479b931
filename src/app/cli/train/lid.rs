//! `sluice train lid`.

use super::stages::Stages;
use super::{FastTextFlags, OutputFlags, print_summary, summary_json, training_error};
use crate::cli::exit::DONE;
use crate::terminal::{outln, print_json};
use crate::texts::{CorpusPart, TextFiles};
use anyhow::Result;
use clap::Args;
use recipe::usage::usage;
use serde_json::json;
use std::path::PathBuf;
use training::lid::{options, quantization};
use training::supervised::{Options, Trainer};

const EXAMPLE: &str = "\
Example:
  sluice train lid --out lid.ftz en=english.txt en=more.jsonl.gz de=german.txt";

/// Train a model that identifies languages, with the settings of fastText's lid.176: a recipe's lid
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Lid {
    /// The model to write: .bin, or .ftz for a small one
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A language and its texts; a language may be given several times
    #[arg(required = true, value_name = "LANG=IN")]
    inputs: Vec<String>,
    #[command(flatten)]
    part: CorpusPart,
    #[command(flatten)]
    settings: FastTextFlags,
    #[command(flatten)]
    output: OutputFlags,
}

impl Lid {
    pub fn run(self) -> Result<u8> {
        // lid.176 saw 30 million sentences; a user's text is far less.
        let base = Options { word_count_min: 1, ..options() };
        let options = self.settings.fill(base, quantization(), &self.out)?;
        let mut trainer = Trainer::new(options).map_err(training_error)?;
        let mut stages = Stages::new();
        let mut read = 0;
        for input in &self.inputs {
            let Some((language, path)) = input.split_once('=').filter(|(l, _)| is_code(l)) else {
                return Err(usage(format!(
                    "{input}: a language and its input expected, as en=FILE"
                )));
            };
            let files = TextFiles::find(&[path.to_owned()], &self.part, None)?;
            files.for_each(&mut |text| {
                stages.count("reading texts", read);
                read += 1;
                Ok(trainer.example(language, text)?)
            })?;
        }
        let summary = trainer.train(&self.out, &mut |p| stages.show(p)).map_err(training_error)?;
        drop(stages);
        if self.output.json {
            let mut report = summary_json(&summary);
            report["model"] = json!(self.out);
            print_json(&report)?;
        } else {
            print_summary(&summary)?;
            outln!("wrote {}; in a recipe: lid = {:?}", self.out.display(), self.out)?;
        }
        Ok(DONE)
    }
}

fn is_code(language: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !language.is_empty() && language.chars().all(is_part)
}
