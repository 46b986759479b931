//! `sluice calibrate`.

use super::DONE;
use crate::calibrate::{Curve, Kept, apply};
use crate::terminal::plot::Plot;
use crate::terminal::units::count;
use anyhow::{Context, Result};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use corpus::{Corpus, Lock};
use indicatif::HumanCount;
use recipe::usage::usage;
use recipe::{Recipe, Slices, find_slice};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "\
Example:
  sluice calibrate corpus --slice common_crawl --tokens 878B --curve curve.svg
  sluice calibrate corpus --slice common_crawl --tokens 878B --apply

Only the ledger is read. With --apply the corpus becomes what its recipe with the new min_score
gives; what is turned away leaves data/, and no input is read again. Texts below the min_score that
the corpus was built with are not in it: build with min_score = 0 to be free to choose.";

/// Thresholds of the table and of CSV: twentieths and hundredths.
const SHOWN: u32 = 20;
const IN_CSV: u32 = 100;

/// The quality threshold that keeps about so many tokens, from the ledger
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Calibrate {
    /// The corpus
    corpus: PathBuf,
    /// The slice
    #[arg(long)]
    slice: String,
    /// Tokens wanted of the slice, such as 878B
    #[arg(long, value_parser = count, value_name = "N")]
    tokens: u64,
    /// Write tokens kept by threshold to this file: .csv, .svg or .html; may be given again
    #[arg(long, value_name = "FILE")]
    curve: Vec<PathBuf>,
    /// Commit the corpus under the new threshold
    #[arg(long)]
    apply: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Calibrate {
    pub fn run(self, slices: Slices) -> Result<u8> {
        let slice = find_slice(slices, &self.slice)?;
        if let Some(path) = self.curve.iter().find(|p| !["csv", "svg", "html"].contains(&kind(p))) {
            let shown = path.display();
            return Err(usage(format!(
                "--curve {shown}: a curve's name ends in .csv, .svg or .html"
            )));
        }
        let corpus = Corpus::open(&self.corpus)?;
        let _lock = if self.apply { Some(Lock::take(&self.corpus)?) } else { None };
        let mut recipe = Recipe::of_corpus(slices, &corpus)?;
        let is_global = recipe.global_dedup;
        let manifest = corpus.manifest()?.context("the corpus has no commit")?;
        if self.apply {
            corpus.check_whole(&manifest)?;
            Corpus::create(&self.corpus)?;
            Recipe::settle(slices, &corpus, &manifest)?;
            corpus.sweep(&manifest)?;
            corpus.end_writing()?;
        }
        let settings =
            &mut **recipe.slices.get_mut(slice.name()).expect("a recipe has every slice");
        let Some(calibration) = slice.calibration(settings) else {
            return Err(usage(format!("{} has no threshold to choose", self.slice)));
        };
        let (now, has_filter) = (*calibration.threshold, calibration.filter.is_some());
        let curve = Curve::of_slice(&corpus, &manifest, &self.slice, &calibration)?;
        let (setting, reason) = (curve.setting, curve.reason);
        let found = curve.threshold_for(self.tokens);
        let can_apply = !is_global && found >= now;
        for path in &self.curve {
            let file = match kind(path) {
                "csv" => csv(&curve),
                "svg" => self.svg(&curve, now, found),
                _ => self.html(&curve, now, found),
            };
            std::fs::write(path, file)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let commit = match self.apply {
            true if found == now => manifest.commit,
            true => apply(slices, &corpus, recipe, slice, found)?.commit,
            false => manifest.commit,
        };
        if self.json {
            let point = |threshold: f64| {
                let Kept { documents, tokens } = curve.kept(threshold);
                json!({setting: threshold, "documents": documents, "tokens": tokens})
            };
            let told = json!({
                "slice": self.slice,
                "tokens_wanted": self.tokens,
                "found": point(found),
                "now": point(now),
                "curve": steps(IN_CSV).map(point).collect::<Vec<_>>(),
                "applied": self.apply,
                "commit": commit,
            });
            println!("{}", serde_json::to_string_pretty(&told)?);
            return Ok(DONE);
        }
        let Kept { documents, tokens } = curve.all();
        println!(
            "{}: {} documents have a quality and are dropped for nothing but `{reason}`, {} tokens",
            self.slice,
            HumanCount(documents),
            HumanCount(tokens)
        );
        println!("{}", table(&curve, now, found));
        if has_filter {
            println!(
                "the recipe's `keep` may drop some of those that a lower threshold brings back"
            );
        }
        let kept = curve.kept(found);
        println!(
            "{setting} = {found} keeps {} of the {} tokens wanted",
            HumanCount(kept.tokens),
            HumanCount(self.tokens)
        );
        match self.apply {
            true => println!(
                "commit {commit}: the corpus has {setting} = {found} now; put it into your recipe too"
            ),
            false if can_apply => println!("to make the corpus so: the same command with --apply"),
            false => println!("to have it so, build the corpus again with {setting} = {found}"),
        }
        Ok(DONE)
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

    /// The drawing and the table, in one file that needs no other.
    fn html(&self, curve: &Curve, now: f64, found: f64) -> String {
        let mut rows = String::new();
        for (name, threshold) in named(now, found) {
            let Kept { documents, tokens } = curve.kept(threshold);
            writeln!(rows, "<tr><td>{threshold}<td>{documents}<td>{tokens}<td>{name}</tr>")
                .expect("a string takes all");
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

fn kind(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Thresholds from 0 to 1.
fn steps(parts: u32) -> impl Iterator<Item = f64> {
    (0..=parts).map(move |step| f64::from(step) / f64::from(parts))
}

/// The thresholds of a table, in order, with what is to be said of them.
fn named(now: f64, found: f64) -> Vec<(&'static str, f64)> {
    let mut rows: Vec<(&str, f64)> = steps(SHOWN).map(|threshold| ("", threshold)).collect();
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
    for (name, threshold) in named(now, found) {
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
    for threshold in steps(IN_CSV) {
        let Kept { documents, tokens } = curve.kept(threshold);
        writeln!(file, "{threshold},{documents},{tokens}").expect("a string takes all");
    }
    file
}
