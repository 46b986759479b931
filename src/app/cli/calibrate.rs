//! `sluice calibrate`.

mod report;

use self::report::Report;
use super::exit::DONE;
use crate::calibrate::apply::{Change, Settings, last_steps};
use crate::calibrate::curve::{Curve, Unit};
use crate::calibrate::score::Score;
use crate::ingest::{check_recipe, recover};
use crate::terminal::log::is_quiet;
use crate::terminal::plot::extension;
use crate::terminal::print_json;
use crate::terminal::units::{count, size};
use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use corpus::{Corpus, Lock, Manifest};
use recipe::usage::usage;
use recipe::{AnySlice, Calibration, Recipe, Slices, find_slice};
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice calibrate corpus --slice common_crawl --curve curve.svg
  sluice calibrate corpus --slice common_crawl --tokens 878B
  sluice calibrate corpus --slice common_crawl --tokens 878B --apply
  sluice calibrate corpus --slice common_crawl --score rps_doc_word_count \\
    --threshold 50 --apply

Only the ledger is read. With --apply the corpus becomes the one that its recipe builds with the new
threshold, and no input is read again. Documents that are dropped leave data/ and are kept aside: a
lower threshold has them back, down to the one that the corpus was built with, until `sluice prune`
removes them. A threshold on the quality is min_score; one on a signal is appended to `keep`.";

/// Find the threshold that keeps about N tokens, from the ledger, and apply it
#[derive(Args)]
#[command(after_help = EXAMPLE)]
#[command(group = ArgGroup::new("wanted").args(["tokens", "documents", "bytes", "threshold"]))]
pub(crate) struct Calibrate {
    /// The corpus
    corpus: PathBuf,
    /// The slice
    #[arg(long)]
    slice: String,
    /// What the threshold is on: quality, language_score, perplexity, or the name of a signal
    #[arg(long, default_value = crate::calibrate::score::QUALITY, value_name = "NAME")]
    score: String,
    /// Keep documents at or below the threshold of a signal, not those at or above it
    #[arg(long)]
    at_most: bool,
    /// Number of tokens to keep of the slice, such as 878B
    #[arg(long, value_parser = count, value_name = "N")]
    tokens: Option<u64>,
    /// Number of documents to keep of the slice, such as 50M
    #[arg(long, value_parser = count, value_name = "N")]
    documents: Option<u64>,
    /// Bytes of text to keep of the slice, counted as read, such as 4T
    #[arg(long, value_parser = size, value_name = "SIZE")]
    bytes: Option<u64>,
    /// The threshold itself, or none
    #[arg(long, value_parser = threshold, value_name = "T", allow_hyphen_values = true)]
    threshold: Option<Threshold>,
    /// Write what each threshold keeps to this file: .csv, .svg or .html; may be given several times
    #[arg(long, value_name = "FILE")]
    curve: Vec<PathBuf>,
    /// Commit the corpus with the new threshold
    #[arg(long, requires = "wanted")]
    apply: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A threshold of the command line; `None` is none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Threshold(Option<f64>);

fn threshold(text: &str) -> Result<Threshold, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Threshold(Some(number))),
        _ if text == "none" => Ok(Threshold(None)),
        _ => Err("a number, or none, is expected".to_owned()),
    }
}

/// What the threshold is wanted for.
enum Wanted {
    Amount(Unit, u64),
    Threshold(Option<f64>),
}

impl Calibrate {
    pub fn run(self, slices: Slices) -> Result<u8> {
        self.check_names()?;
        let report = self.calibrate(slices)?;
        if self.json {
            print_json(&report.json())?;
        } else if !is_quiet() {
            report.print()?;
        }
        Ok(DONE)
    }

    fn check_names(&self) -> Result<()> {
        let is_known = |path: &PathBuf| ["csv", "svg", "html"].contains(&extension(path));
        match self.curve.iter().find(|path| !is_known(path)) {
            None => Ok(()),
            Some(path) => {
                let shown = path.display();
                Err(usage(format!("--curve {shown}: a curve's name ends in .csv, .svg or .html")))
            }
        }
    }

    fn wanted(&self) -> Option<Wanted> {
        let amounts = [
            (Unit::Tokens, self.tokens),
            (Unit::Documents, self.documents),
            (Unit::Bytes, self.bytes),
        ];
        let amount = amounts.into_iter().find_map(|(unit, amount)| Some((unit, amount?)));
        amount
            .map(|(unit, amount)| Wanted::Amount(unit, amount))
            .or(self.threshold.map(|threshold| Wanted::Threshold(threshold.0)))
    }

    /// Finds the threshold, writes the curves and, with `--apply`, commits.
    fn calibrate(&self, slices: Slices) -> Result<Report> {
        let slice = find_slice(slices, &self.slice)?;
        let corpus = Corpus::open(&self.corpus)?;
        let _lock = if self.apply { Some(Lock::take(&self.corpus)?) } else { None };
        let mut recipe = Recipe::of_corpus(slices, &corpus)?;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        if self.apply {
            check_recipe(&corpus, &manifest, &recipe, slices)?;
            recover(slices, &corpus, &manifest)?;
        }
        let is_global = recipe.global_dedup;
        let (mut report, change) = self.plan(&corpus, &manifest, slice, &mut recipe, is_global)?;
        report.write_curves(&self.curve)?;
        match change {
            // Without --apply, the report says why it cannot be applied.
            Some(Err(error)) if self.apply => return Err(error),
            Some(Err(error)) => report.obstacle = Some(format!("{error:#}")),
            Some(Ok(change)) if self.apply && !change.is_none() => {
                report.commit = change.commit(slices, &corpus, &manifest, recipe, slice)?.commit;
            }
            Some(Ok(_)) | None => {}
        }
        Ok(report)
    }

    /// Computes the curve, the threshold that is wanted, and the change that applies it.
    fn plan(
        &self,
        corpus: &Corpus,
        manifest: &Manifest,
        slice: &'static dyn AnySlice,
        recipe: &mut Recipe,
        is_global: bool,
    ) -> Result<(Report, Option<Result<Change>>)> {
        let settings =
            &mut **recipe.slices.get_mut(slice.name()).expect("a recipe has every slice");
        let Some(calibration) = slice.calibration(settings) else {
            return Err(usage(format!("{} has no threshold to choose", self.slice)));
        };
        let score = Score::find(&self.score, self.at_most, &calibration)?;
        score.check_recorded(&self.slice, &calibration)?;
        let before = Settings::of(&calibration);
        let mut labels = Vec::new();
        for label in manifest.labels.iter().filter(|label| label.slice == self.slice) {
            let steps = (calibration.reason, calibration.filter);
            labels.push((label, last_steps(label, &before, steps)?));
        }
        let curve = Curve::of(corpus, score, labels.into_iter())?;
        self.check_curve(&curve, &calibration)?;
        let (wanted, unit) = match self.wanted() {
            Some(Wanted::Amount(unit, amount)) => {
                (Some(Some(curve.threshold_for(unit, amount))), unit)
            }
            Some(Wanted::Threshold(threshold)) => (Some(threshold), curve.unit()),
            None => (None, curve.unit()),
        };
        let change = wanted.map(|threshold| {
            let after = before.with(score, threshold)?;
            Change::plan(manifest, is_global, slice, &calibration, after)
        });
        let report = Report {
            slice: self.slice.clone(),
            score,
            now: score.threshold(&calibration)?,
            found: wanted,
            wanted: match self.wanted() {
                Some(Wanted::Amount(unit, amount)) => Some((unit, amount)),
                Some(Wanted::Threshold(_)) | None => None,
            },
            unit,
            has_filter: !calibration.keep.is_empty(),
            reason: match score {
                Score::Quality(_) => calibration.reason,
                Score::Signal { .. } => calibration.filter,
                Score::Earlier(score) => score.reason,
            },
            is_applied: self.apply,
            obstacle: None,
            commit: manifest.commit,
            curve,
        };
        Ok((report, change))
    }

    /// Fails if the curve has no documents, or if tokens are wanted that were not counted.
    fn check_curve(&self, curve: &Curve, calibration: &Calibration<'_>) -> Result<()> {
        let Calibrate { slice, score, .. } = self;
        if curve.all().documents == 0 {
            let why = match &score[..] {
                crate::calibrate::score::QUALITY => {
                    "the recipe of this corpus names no classifier, or no document got that far"
                }
                "perplexity" => {
                    "the recipe of this corpus names no lm, or no document got that far"
                }
                _ => "no document got that far",
            };
            return Err(usage(format!("no document of {slice} has a {score}: {why}")));
        }
        let without = curve.without_tokens;
        if self.tokens.is_some() && without > 0 {
            let earlier = calibration.earlier.iter().any(|earlier| earlier.name == score);
            let why = if earlier {
                "documents that an earlier step drops are not tokenized"
            } else {
                "the recipe of this corpus names no tokenizer; build it again with tokenizer = \
                 \"...\" in the recipe"
            };
            anyhow::bail!(
                "{without} documents of {slice} have a {score} and no count of tokens: {why}, or \
                 use --documents N or --bytes SIZE"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_number_or_none() {
        assert_eq!(threshold("0.25"), Ok(Threshold(Some(0.25))));
        assert_eq!(threshold("-3"), Ok(Threshold(Some(-3.0))));
        assert_eq!(threshold("none"), Ok(Threshold(None)));
        for wrong in ["NaN", "inf", "", "a"] {
            assert!(threshold(wrong).is_err(), "{wrong}");
        }
    }
}
