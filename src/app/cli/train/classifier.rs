//! `sluice train classifier`.

use super::curve::{self, POINTS_SHOWN};
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
use indicatif::HumanCount;
use serde_json::json;
use std::path::PathBuf;
use training::classifier::{Options, Outcome, Trainer};
use training::supervised::Quantization;

const EXAMPLE: &str = "\
Example:
  sluice train classifier --positive references.jsonl.zst \\
    --negative corpus --slice common_crawl --out wiki.ftz --curve curve.svg";

/// What `fasttext quantize` does by default.
const QUANTIZATION: Quantization =
    Quantization { features_max: 0, retrain: false, norms: false, weights_per_code: 2 };

/// Train a classifier of pages to keep against unfiltered pages: a recipe's classifier
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Classifier {
    /// Texts to keep, such as pages that Wikipedia refers to
    #[arg(long, required = true, num_args = 1.., value_name = "IN")]
    positive: Vec<String>,
    /// Unfiltered texts
    #[arg(long, required = true, num_args = 1.., value_name = "IN")]
    negative: Vec<String>,
    /// The model to write: .bin, or .ftz for a small one
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Skip texts whose meta.language is another
    #[arg(long, value_name = "LANG")]
    language: Option<String>,
    /// Skip texts to keep with fewer characters
    #[arg(long, default_value_t = 1000, value_name = "N")]
    positive_chars_min: usize,
    /// Write precision and recall by threshold to this file, .csv or .svg; may be given twice
    #[arg(long, value_name = "FILE")]
    curve: Vec<PathBuf>,
    #[command(flatten)]
    part: CorpusPart,
    #[command(flatten)]
    texts: TextFlags,
    #[command(flatten)]
    settings: FastTextFlags,
    #[command(flatten)]
    output: OutputFlags,
}

impl Classifier {
    pub fn run(self) -> Result<u8> {
        let defaults = Options::default();
        let supervised = self.settings.fill(defaults.supervised, QUANTIZATION, &self.out)?;
        let positive_chars_min = self.positive_chars_min;
        let options = Options { supervised, positive_chars_min, ..Options::default() };
        curve::check_names(&self.curve)?;
        let mut trainer = Trainer::new(options).map_err(training_error)?;
        self.part.check([&self.positive[..], &self.negative])?;
        let language = self.language.as_deref();
        let find = |inputs: &[String]| {
            TextFiles::find(inputs, &self.part.of(inputs), language, &self.texts)
        };
        let (positive, negative) = (find(&self.positive)?, find(&self.negative)?);

        let mut stages = Stages::new();
        let mut read = 0;
        let mut passed = Passed::default();
        positive.for_each(&mut passed, &mut |text| {
            stages.count("reading texts to keep", read);
            read += 1;
            Ok(trainer.positive(text)?)
        })?;
        negative.for_each(&mut passed, &mut |text| {
            stages.count("reading unfiltered texts", read);
            read += 1;
            Ok(trainer.negative(text)?)
        })?;
        let outcome = trainer.train(&self.out, &mut |p| stages.show(p));
        drop(stages);
        let outcome = outcome.map_err(|error| passed.explain(training_error(error)))?;
        let warnings = warnings(&outcome.summary);
        passed.print();
        print_warnings(&warnings);
        for path in &self.curve {
            curve::write(path, &outcome)?;
        }
        if self.output.json {
            let mut report = self.json(&outcome);
            passed.add_to(&mut report);
            report["warnings"] = json!(warnings);
            print_json(&report)?;
        } else if !is_quiet() {
            self.print(&outcome)?;
        }
        Ok(exit_code(&passed))
    }

    fn json(&self, outcome: &Outcome) -> serde_json::Value {
        let mut report = summary_json(&outcome.summary);
        report["model"] = json!(self.out.to_string_lossy());
        report["too_short"] = json!(outcome.too_short);
        let points = outcome.curve.iter().map(|point| {
            let (precision, recall) = (point.precision, point.recall);
            json!({"threshold": point.threshold, "precision": precision, "recall": recall})
        });
        report["curve"] = points.collect();
        report
    }

    fn print(&self, outcome: &Outcome) -> Result<()> {
        print_summary(&outcome.summary)?;
        if outcome.too_short > 0 {
            let (short, min) = (HumanCount(outcome.too_short), self.positive_chars_min);
            outln!("{short} texts to keep have fewer than {min} characters and were skipped")?;
        }
        outln!("{}", curve::table(outcome.curve.iter().step_by(POINTS_SHOWN)))?;
        outln!("wrote {}; in a recipe: classifier = {:?}", self.out.display(), self.out)
    }
}
