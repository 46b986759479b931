//! Precision and recall by threshold, as a table, as CSV and as a plot.

use crate::terminal::plot::{Mark, Plot, Series, extension};
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use recipe::usage::usage;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use training::classifier::{Outcome, Point};

/// Every n-th point of a curve is printed.
pub(super) const POINTS_SHOWN: usize = 5;

/// Fails for names that end neither in `.csv` nor in `.svg`, before hours of training.
pub(super) fn check_names(paths: &[PathBuf]) -> Result<()> {
    match paths.iter().find(|path| !matches!(extension(path), "csv" | "svg")) {
        Some(path) => {
            let shown = path.display();
            Err(usage(format!("--curve {shown}: a curve's name ends in .csv or .svg")))
        }
        None => Ok(()),
    }
}

pub(super) fn write(path: &Path, outcome: &Outcome) -> Result<()> {
    let file = if extension(path) == "svg" { svg(outcome)? } else { csv(&outcome.curve) };
    durable::write(path, file.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

pub(super) fn table<'a>(points: impl Iterator<Item = &'a Point>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(["keep from", "precision", "recall"]);
    for point in points {
        let share = |share: Option<f64>| share.map_or("-".into(), |share| format!("{share:.3}"));
        let threshold = format!("{:.2}", point.threshold);
        table.add_row([threshold, share(point.precision), share(point.recall)]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Returns the curve as CSV. An empty field is a share of nothing.
fn csv(curve: &[Point]) -> String {
    let mut file = String::from("threshold,precision,recall\n");
    let share = |share: Option<f64>| share.map_or(String::new(), |share| share.to_string());
    for point in curve {
        let (precision, recall) = (share(point.precision), share(point.recall));
        writeln!(file, "{:.2},{precision},{recall}", point.threshold)
            .expect("a string can be written to");
    }
    file
}

/// Plots both shares over the threshold, with a mark at the recipe's default.
fn svg(Outcome { summary, curve, .. }: &Outcome) -> Result<String> {
    let counts = summary.labels.iter().map(|label| format!("{} {}", label.held_out, label.label));
    let counts = counts.collect::<Vec<_>>().join(" and ");
    let series = |name: &str, of: fn(&Point) -> Option<f64>| Series {
        name: name.to_owned(),
        points: curve.iter().filter_map(|point| Some((point.threshold, of(point)?))).collect(),
    };
    let plot = Plot {
        title: "Precision and recall of a quality classifier",
        about: &format!("of the texts held out from training: {counts}"),
        across: "threshold (texts >= it are kept)",
        up: "share",
        range: 0.0..1.0,
        marks: &[Mark { name: "min_score of a recipe: 0.25".to_owned(), at: 0.25 }],
        series: &[series("precision", |p| p.precision), series("recall", |p| p.recall)],
    };
    plot.svg()
}
