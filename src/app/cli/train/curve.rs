//! Precision and recall by threshold, as a table, as CSV and as a drawing.

use crate::usage::usage;
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use training::classifier::Point;

/// Of the points of a curve each fifth is shown.
pub(super) const POINTS_SHOWN: usize = 5;

/// Side of the plotted square, and what is around it.
const SIDE: f64 = 400.0;
const MARGIN: f64 = 50.0;

/// Refuses names that are neither `.csv` nor `.svg`, before hours of training.
pub(super) fn check_names(paths: &[PathBuf]) -> Result<()> {
    match paths.iter().find(|path| !matches!(extension(path), "csv" | "svg")) {
        Some(path) => {
            let shown = path.display();
            Err(usage(format!("--curve {shown}: a curve's name ends in .csv or .svg")))
        }
        None => Ok(()),
    }
}

pub(super) fn write(path: &Path, curve: &[Point]) -> Result<()> {
    let file = if extension(path) == "svg" { svg(curve) } else { csv(curve) };
    std::fs::write(path, file).with_context(|| format!("cannot write {}", path.display()))
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

/// An empty field is a share of nothing.
fn csv(curve: &[Point]) -> String {
    let mut file = String::from("threshold,precision,recall\n");
    let share = |share: Option<f64>| share.map_or(String::new(), |share| share.to_string());
    for point in curve {
        let (precision, recall) = (share(point.precision), share(point.recall));
        writeln!(file, "{:.2},{precision},{recall}", point.threshold).expect("a string takes all");
    }
    file
}

/// Both shares over the threshold, from 0 to 1, the recipe's 0.25 marked.
fn svg(curve: &[Point]) -> String {
    let (x, y) = (|share: f64| MARGIN + share * SIDE, |share: f64| MARGIN + (1.0 - share) * SIDE);
    let whole = SIDE + 2.0 * MARGIN;
    let mut file = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{whole}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Precision and recall of a classifier, by threshold</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut line = |text: String| file += &(text + "\n");
    for tenths in (0..=10).step_by(2) {
        let share = f64::from(tenths) / 10.0;
        let (across, down, low) = (x(share), y(share), MARGIN + SIDE);
        line(format!(
            "<path d=\"M{MARGIN} {down}H{low}M{across} {MARGIN}V{low}\" stroke=\"#ddd\"/>\
             <text x=\"{across}\" y=\"{}\" text-anchor=\"middle\">{share}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share}</text>",
            low + 18.0,
            MARGIN - 8.0,
            down + 4.0,
        ));
    }
    let (recipe, low) = (x(0.25), MARGIN + SIDE);
    line(format!(
        "<path d=\"M{recipe} {MARGIN}V{low}\" stroke=\"#888\" stroke-dasharray=\"4\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">keep from</text>",
        x(0.5),
        low + 38.0
    ));
    type Share = fn(&Point) -> Option<f64>;
    let curves: [(&str, &str, Share); 2] = [
        ("precision", "#1b6ca8", |point| point.precision),
        ("recall", "#b5502a", |point| point.recall),
    ];
    for (number, (name, colour, share)) in curves.into_iter().enumerate() {
        let points = curve.iter().filter_map(|point| Some((point.threshold, share(point)?)));
        let points: Vec<String> =
            points.map(|(at, share)| format!("{:.1},{:.1}", x(at), y(share))).collect();
        let (points, across) = (points.join(" "), x(0.1 + 0.25 * number as f64));
        line(format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{across}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            MARGIN - 14.0
        ));
    }
    file + "</svg>\n"
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
