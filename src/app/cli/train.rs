//! `sluice train`.

mod classifier;
mod curve;
mod importance;
mod lid;
mod lm;
mod references;
mod stages;

use crate::cli::exit::{DONE, DONE_WITH_DEFECTS};
use crate::terminal::outln;
use crate::texts::Passed;
use anyhow::Result;
use clap::{Args, Subcommand};
use indicatif::HumanCount;
use recipe::usage::usage;
use serde_json::{Value, json};
use std::path::Path;
use training::TrainingError;
use training::supervised::{Options, Quantization, Summary};

const EXAMPLE: &str = "\
Example:
  sluice train lm --lang en --out models wikipedia.jsonl.gz
  sluice train classifier --positive wiki.txt --negative cc.txt --out wiki.ftz
  sluice train lid --out lid.ftz en=english.txt de=german.txt

Inputs are JSON lines or Parquet with a text, files with one text per line, all plain or compressed,
and corpora. A dump is no input: add it to a corpus first.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some lines were malformed; they are listed on
standard error and were not used.";

/// Train the models that a recipe names, from your own text
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Train {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Lm(lm::Lm),
    Classifier(classifier::Classifier),
    Lid(lid::Lid),
    References(references::References),
    Importance(importance::Importance),
}

impl Train {
    pub fn run(self) -> Result<u8> {
        match self.what {
            What::Lm(lm) => lm.run(),
            What::Classifier(classifier) => classifier.run(),
            What::Lid(lid) => lid.run(),
            What::References(references) => references.run(),
            What::Importance(importance) => importance.run(),
        }
    }
}

/// Flags for what is printed.
#[derive(Args)]
struct OutputFlags {
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The settings of fastText models that a user may choose.
#[derive(Args)]
struct FastTextFlags {
    /// Length of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Passes over the texts
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Initial learning rate
    #[arg(long, value_name = "STEP")]
    learning_rate: Option<f64>,
    /// Ignore words that occur less often
    #[arg(long, value_name = "N")]
    word_count_min: Option<usize>,
    /// Longest n-grams of words used as features
    #[arg(long, value_name = "N")]
    word_ngrams: Option<usize>,
    /// Hash buckets for n-grams of words and characters
    #[arg(long, value_name = "N")]
    buckets: Option<usize>,
    /// Number of threads; with more than one the model differs a little each time
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The share of the texts held out from training, to test the model
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    held_out: f64,
}

impl FastTextFlags {
    /// Overrides `options` with the flags. A name that ends in `.ftz` selects `quantization`.
    fn fill(&self, options: Options, quantization: Quantization, out: &Path) -> Result<Options> {
        let quantization = match out.extension().and_then(|extension| extension.to_str()) {
            Some("bin") => None,
            Some("ftz") => Some(quantization),
            _ => {
                let what = "a model's name ends in .bin, or in .ftz for a small one";
                return Err(usage(format!("--out {}: {what}", out.display())));
            }
        };
        Ok(Options {
            dimension: self.dimension.unwrap_or(options.dimension),
            epochs: self.epochs.unwrap_or(options.epochs),
            learning_rate: self.learning_rate.unwrap_or(options.learning_rate),
            word_count_min: self.word_count_min.unwrap_or(options.word_count_min),
            word_ngrams: self.word_ngrams.unwrap_or(options.word_ngrams),
            buckets: self.buckets.unwrap_or(options.buckets),
            threads: self.threads.unwrap_or(options.threads),
            held_out: self.held_out,
            quantization,
            ..options
        })
    }
}

/// Converts an error. A setting that is out of range is a usage error, in the words of the flags.
fn training_error(error: TrainingError) -> anyhow::Error {
    match error {
        TrainingError::Setting { name, value, expected } => {
            let flag = match name {
                "vocabulary" => "pieces".to_owned(),
                "memory_bytes" => "memory".to_owned(),
                name => name.replace('_', "-"),
            };
            // A list is written as on the command line.
            let value = value.trim_matches(['[', ']']).replace(", ", ",");
            usage(format!("--{flag} {value}: {expected}"))
        }
        error => error.into(),
    }
}

/// Says of a model that recognizes labels no better than chance, or one of them never.
fn warnings(summary: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    let tested: Vec<_> = summary.labels.iter().filter(|label| label.held_out > 0).collect();
    for label in &tested {
        if label.right == 0 {
            warnings.push(format!(
                "the model recognizes none of the {} texts of {} that were held out: train it on more \
                 texts, or for more --epochs",
                HumanCount(label.held_out),
                label.label
            ));
        }
    }
    let held_out: u64 = tested.iter().map(|label| label.held_out).sum();
    let most = tested.iter().max_by_key(|label| label.held_out);
    if let (Some(most), Some(accuracy), true) = (most, summary.accuracy(), warnings.is_empty()) {
        let chance = most.held_out as f64 / held_out as f64;
        if accuracy <= chance {
            warnings.push(format!(
                "the model is no better than chance: it is right for {:.1} % of the texts held out, \
                 and always answering {} would be right for {:.1} %",
                accuracy * 100.0,
                most.label,
                chance * 100.0
            ));
        }
    }
    warnings
}

/// Returns the exit code of a training that is done.
fn exit_code(passed: &Passed) -> u8 {
    if passed.malformed > 0 { DONE_WITH_DEFECTS } else { DONE }
}

/// Prints warnings on standard error, even with `--quiet`: the model is of no use.
fn print_warnings(warnings: &[String]) {
    warnings.iter().for_each(|warning| tracing::error!("{warning}"));
}

fn summary_json(summary: &Summary) -> Value {
    let labels = summary.labels.iter().map(|label| {
        let counts = json!({
            "trained": label.trained,
            "held_out": label.held_out,
            "found": label.found,
            "right": label.right,
            "precision": label.precision(),
            "recall": label.recall(),
        });
        (label.label.clone(), counts)
    });
    json!({"labels": labels.collect::<serde_json::Map<_, _>>(), "accuracy": summary.accuracy()})
}

fn print_summary(summary: &Summary) -> Result<()> {
    let percent = |share: Option<f64>| match share {
        Some(share) => format!("{:.1} %", share * 100.0),
        None => "-".into(),
    };
    for label in &summary.labels {
        outln!(
            "{}: {} texts trained on, {} held out; precision {}, recall {}",
            label.label,
            HumanCount(label.trained),
            HumanCount(label.held_out),
            percent(label.precision()),
            percent(label.recall()),
        )?;
    }
    outln!("accuracy on the texts held out: {}", percent(summary.accuracy()))
}
