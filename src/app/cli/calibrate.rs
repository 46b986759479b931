//! `sluice calibrate`.

use super::exit::DONE;
use crate::calibrate::{Curve, Kept, apply};
use crate::ingest::recover;
use crate::terminal::plot::{Plot, extension};
use crate::terminal::units::count;
use crate::terminal::{outln, print_json};
use anyhow::{Context, Result};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use corpus::{Corpus, Lock};
use indicatif::HumanCount;
use recipe::usage::usage;
use recipe::{Recipe, Slices, find_slice};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example:
  sluice calibrate corpus --slice common_crawl --tokens 878B --curve curve.svg
  sluice calibrate corpus --slice common_crawl --tokens 878B --apply

Only the ledger is read. With --apply the corpus becomes the one that its recipe builds with the new
min_score: rejected documents leave data/, and no input is read again. Texts below the min_score that
the corpus was built with are not in it: build with min_score = 0 to be free to choose.";

/// Steps of the thresholds in the table.
const TABLE_STEPS: u32 = 20;
/// Steps of the thresholds in CSV and JSON.
const CSV_STEPS: u32 = 100;

/// Find the quality threshold that keeps about N tokens, from the ledger
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Calibrate {
    /// The corpus
    corpus: PathBuf,
    /// The slice
    #[arg(long)]
    slice: String,
    /// Number of tokens to keep of the slice, such as 878B
    #[arg(long, value_parser = count, value_name = "N")]
    tokens: u64,
    /// Write tokens kept by threshold to this file: .csv, .svg or .html; may be given several times
    #[arg(long, value_name = "FILE")]
    curve: Vec<PathBuf>,
    /// Commit the corpus with the new threshold
    #[arg(long)]
    apply: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The thresholds of a corpus, and what they keep.
struct Outcome {
    curve: Curve,
    /// The threshold that the corpus was built with.
    now: f64,
    /// The threshold that keeps the number of tokens wanted.
    found: f64,
    /// The newest commit.
    commit: u64,
    /// Whether the recipe's filter may drop documents that pass the threshold.
    has_filter: bool,
    /// Whether `--apply` can commit the corpus with the threshold found.
    can_apply: bool,
}

impl Calibrate {
    pub fn run(self, slices: Slices) -> Result<u8> {
        self.check_names()?;
        let outcome = self.calibrate(slices)?;
        if self.json {
            print_json(&self.json(&outcome))?;
        } else {
            self.print(&outcome)?;
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

    /// Finds the threshold, writes the curves and, with `--apply`, commits.
    fn calibrate(&self, slices: Slices) -> Result<Outcome> {
        let slice = find_slice(slices, &self.slice)?;
        let corpus = Corpus::open(&self.corpus)?;
        let _lock = if self.apply { Some(Lock::take(&self.corpus)?) } else { None };
        let mut recipe = Recipe::of_corpus(slices, &corpus)?;
        let is_global = recipe.global_dedup;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        if self.apply {
            recover(slices, &corpus, &manifest)?;
        }
        let settings =
            &mut **recipe.slices.get_mut(slice.name()).expect("a recipe has every slice");
        let Some(calibration) = slice.calibration(settings) else {
            return Err(usage(format!("{} has no threshold to choose", self.slice)));
        };
        let (now, has_filter) = (*calibration.threshold, calibration.filter.is_some());
        let curve = Curve::of_slice(&corpus, &manifest, &self.slice, &calibration)?;
        let found = curve.threshold_for(self.tokens);
        let commit = manifest.commit;
        let can_apply = !is_global && found >= now;
        let mut outcome = Outcome { curve, now, found, commit, has_filter, can_apply };
        self.write_curves(&outcome)?;
        if self.apply && found != now {
            outcome.commit = apply(slices, &corpus, recipe, slice, found)?.commit;
        }
        Ok(outcome)
    }

    fn write_curves(&self, Outcome { curve, now, found, .. }: &Outcome) -> Result<()> {
        for path in &self.curve {
            let file = match extension(path) {
                "csv" => csv(curve),
                "svg" => self.svg(curve, *now, *found),
                _ => self.html(curve, *now, *found),
            };
            durable::write(path, file.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn json(&self, outcome: &Outcome) -> Value {
        let Outcome { curve, now, found, commit, .. } = outcome;
        let setting = curve.setting;
        let point = |threshold: f64| {
            let Kept { documents, tokens } = curve.kept(threshold);
            json!({setting: threshold, "documents": documents, "tokens": tokens})
        };
        json!({
            "slice": self.slice,
            "tokens_wanted": self.tokens,
            "found": point(*found),
            "now": point(*now),
            "curve": steps(CSV_STEPS).map(point).collect::<Vec<_>>(),
            "applied": self.apply,
            "commit": commit,
        })
    }

    fn print(&self, outcome: &Outcome) -> Result<()> {
        let Outcome { curve, now, found, commit, has_filter, can_apply } = outcome;
        let (setting, reason) = (curve.setting, curve.reason);
        let Kept { documents, tokens } = curve.all();
        outln!(
            "{}: {} documents have a quality and are kept or dropped for `{reason}`, {} tokens",
            self.slice,
            HumanCount(documents),
            HumanCount(tokens)
        )?;
        outln!("{}", table(curve, *now, *found))?;
        if *has_filter {
            outln!(
                "the recipe's `keep` may drop some of the documents that a lower threshold keeps"
            )?;
        }
        let kept = curve.kept(*found);
        outln!(
            "{setting} = {found} keeps {} of the {} tokens wanted",
            HumanCount(kept.tokens),
            HumanCount(self.tokens)
        )?;
        if self.apply {
            outln!(
                "commit {commit}: the corpus has {setting} = {found} now; put it into your recipe too"
            )
        } else if *can_apply {
            outln!("to change the corpus, run the same command with --apply")
        } else {
            outln!("to change the corpus, build it again with {setting} = {found}")
        }
    }

    fn svg(&self, curve: &Curve, now: f64, found: f64) -> String {
        let all = curve.all();
        let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
        let line = |of: &dyn Fn(Kept) -> f64| steps(1000).map(|t| (t, of(curve.kept(t)))).collect();
        let plot = Plot {
            title: &format!("{}: tokens and documents kept, by quality threshold", self.slice),
            across: curve.setting,
            marks: &[now, found],
            series: &[
                ("tokens", line(&|kept| share(kept.tokens, all.tokens))),
                ("documents", line(&|kept| share(kept.documents, all.documents))),
            ],
        };
        plot.svg()
    }

    /// The plot and the table, in one self-contained file.
    fn html(&self, curve: &Curve, now: f64, found: f64) -> String {
        let mut rows = String::new();
        for (name, threshold) in rows_of_table(now, found) {
            let Kept { documents, tokens } = curve.kept(threshold);
            writeln!(rows, "<tr><td>{threshold}<td>{documents}<td>{tokens}<td>{name}</tr>")
                .expect("a string can be written to");
        }
        let setting = curve.setting;
        format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}: {setting}</title>\n\
             <style>body{{font-family:sans-serif}}td,th{{text-align:right;padding:0 1em}}</style>\n\
             <h1>{0}: what a quality threshold keeps</h1>\n{1}\
             <table>\n<tr><th>{setting}<th>documents<th>tokens<th></tr>\n{rows}</table>\n",
            self.slice,
            self.svg(curve, now, found)
        )
    }
}

/// Returns thresholds from 0 to 1.
fn steps(count: u32) -> impl Iterator<Item = f64> {
    (0..=count).map(move |step| f64::from(step) / f64::from(count))
}

/// Returns the thresholds of a table in order, each with a remark.
fn rows_of_table(now: f64, found: f64) -> Vec<(&'static str, f64)> {
    let mut rows: Vec<(&str, f64)> = steps(TABLE_STEPS).map(|threshold| ("", threshold)).collect();
    for (name, threshold) in [("now", now), ("found", found)] {
        rows.retain(|row| row.1 != threshold || !row.0.is_empty());
        rows.push((name, threshold));
    }
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    rows
}

fn table(curve: &Curve, now: f64, found: f64) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header([
        curve.setting,
        "documents",
        "tokens",
        "of all",
        "",
    ]);
    for (name, threshold) in rows_of_table(now, found) {
        let kept = curve.kept(threshold);
        let share = 100.0 * kept.tokens as f64 / curve.all().tokens.max(1) as f64;
        table.add_row([
            threshold.to_string(),
            HumanCount(kept.documents).to_string(),
            HumanCount(kept.tokens).to_string(),
            format!("{share:.1} %"),
            name.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn csv(curve: &Curve) -> String {
    let mut file = format!("{},documents,tokens\n", curve.setting);
    for threshold in steps(CSV_STEPS) {
        let Kept { documents, tokens } = curve.kept(threshold);
        writeln!(file, "{threshold},{documents},{tokens}").expect("a string can be written to");
    }
    file
}
