//! `sluice train lid`.

use super::stages::Stages;
use super::{
    FastTextFlags, OutputFlags, exit_code, print_summary, print_warnings, summary_json,
    training_error, warnings,
};
use crate::terminal::log::is_quiet;
use crate::terminal::{outln, print_json};
use crate::texts::{CorpusPart, Passed, TextFiles, TextFlags};
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
    texts: TextFlags,
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
        let (mut passed, mut read) = (Passed::default(), 0);
        let paths =
            self.inputs.iter().map(|input| Ok(vec![language_and_path(input)?.1.to_owned()]));
        let paths = paths.collect::<Result<Vec<_>>>()?;
        self.part.check(paths.iter().map(Vec::as_slice))?;
        for input in &self.inputs {
            let (language, path) = language_and_path(input)?;
            let inputs = [path.to_owned()];
            let files = TextFiles::find(&inputs, &self.part.of(&inputs), None, &self.texts)?;
            files.for_each(&mut passed, &mut |text| {
                stages.count("reading texts", read);
                read += 1;
                Ok(trainer.example(language, text)?)
            })?;
        }
        let summary = trainer.train(&self.out, &mut |p| stages.show(p));
        drop(stages);
        let summary = summary.map_err(|error| passed.explain(training_error(error)))?;
        let warnings = warnings(&summary);
        passed.print();
        print_warnings(&warnings);
        if self.output.json {
            let mut report = summary_json(&summary);
            report["model"] = json!(self.out.to_string_lossy());
            report["warnings"] = json!(warnings);
            passed.add_to(&mut report);
            print_json(&report)?;
        } else if !is_quiet() {
            print_summary(&summary)?;
            outln!("wrote {}; in a recipe: lid = {:?}", self.out.display(), self.out)?;
        }
        Ok(exit_code(&passed))
    }
}

/// Returns the two parts of `LANG=IN`.
fn language_and_path(input: &str) -> Result<(&str, &str)> {
    let Some((language, path)) = input.split_once('=') else {
        let what = "a language and its input expected, as en=FILE";
        return Err(usage(format!("{input}: {what}")));
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match language.chars().find(|c| !is_part(*c)) {
        _ if language.is_empty() => {
            Err(usage(format!("{input}: a language is missing before the =, as in en=FILE")))
        }
        Some(other) => Err(usage(format!(
            "{input}: the language {language:?} contains {other:?}; it may have the letters a to z, \
             digits, - and _, as in zh-Hant=FILE"
        ))),
        None => Ok((language, path)),
    }
}
