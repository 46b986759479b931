//! The counts of labels: tables for people, objects for programs.

use crate::terminal::outln;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use corpus::{Counts, Label};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

/// Returns the counts of a label as in `status --json`.
pub(crate) fn label_json(label: &Label) -> Value {
    let counts = &label.counts;
    json!({
        "sources": label.sources.len(),
        "complete": label.is_complete(),
        "read": counts.read,
        "kept": counts.kept,
        "dropped": counts.dropped,
        "bytes_read": counts.bytes_read,
        "bytes_kept": counts.bytes_kept,
        "tokens": counts.tokens,
        "paragraphs": {"read": counts.paragraphs.read, "duplicate": counts.paragraphs.duplicate},
        "defects": label.defects_count,
    })
}

/// Prints the counts of labels, with a table for each slice. Several slices also get a table of
/// sums.
pub(crate) fn print_counts<'a>(labels: impl IntoIterator<Item = &'a Label>) -> Result<()> {
    let mut slices: Vec<(&str, Vec<&Label>)> = Vec::new();
    for label in labels {
        match slices.iter_mut().find(|(slice, _)| *slice == label.slice) {
            Some((_, labels)) => labels.push(label),
            None => slices.push((&label.slice, vec![label])),
        }
    }
    for (_, labels) in &slices {
        outln!("{}", counts_table(labels))?;
    }
    if slices.len() > 1 {
        outln!("{}", slices_table(&slices))?;
    }
    Ok(())
}

/// The sums of each slice, and of all.
fn slices_table(slices: &[(&str, Vec<&Label>)]) -> Table {
    let sum = |labels: &[&Label]| sum_of(labels.iter().map(|label| &label.counts));
    let mut rows: Vec<(&str, Counts)> =
        slices.iter().map(|(slice, labels)| (*slice, sum(labels))).collect();
    let all = sum_of(rows.iter().map(|(_, counts)| counts));
    rows.push(("all", all));
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["", "documents read", "kept", "text read", "text kept", "tokens kept"]);
    for (slice, counts) in rows {
        table.add_row([
            slice.to_owned(),
            HumanCount(counts.read).to_string(),
            HumanCount(counts.kept).to_string(),
            HumanBytes(counts.bytes_read).to_string(),
            HumanBytes(counts.bytes_kept).to_string(),
            counts.tokens.map_or("-".into(), |tokens| HumanCount(tokens).to_string()),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Labels side by side: what was read, what was kept, and each reason for the rest.
fn counts_table(labels: &[&Label]) -> Table {
    let sum = sum_of(labels.iter().map(|label| &label.counts));
    let mut columns: Vec<(String, &Counts)> =
        labels.iter().map(|label| (label.full_name(), &label.counts)).collect();
    if labels.len() > 1 {
        columns.push(("all".into(), &sum));
    }
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    let head: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    table.set_header([vec![String::new()], head].concat());
    let mut row = |name: &str, of: &dyn Fn(&Counts) -> String| {
        let cells: Vec<String> = columns.iter().map(|(_, counts)| of(counts)).collect();
        table.add_row([vec![name.to_owned()], cells].concat());
    };
    let share = |part: u64, of: &Counts| match of.read {
        0 => "0".to_owned(),
        read => format!("{}  {:>5.1} %", HumanCount(part), 100.0 * part as f64 / read as f64),
    };
    row("documents read", &|counts| HumanCount(counts.read).to_string());
    row("kept", &|counts| share(counts.kept, counts));
    for reason in sum.dropped.keys() {
        row(&format!("dropped: {reason}"), &|counts| {
            share(counts.dropped.get(reason).copied().unwrap_or(0), counts)
        });
    }
    row("text read", &|counts| HumanBytes(counts.bytes_read).to_string());
    row("text kept", &|counts| HumanBytes(counts.bytes_kept).to_string());
    if sum.tokens.is_some() {
        let tokens = |counts: &Counts| HumanCount(counts.tokens.unwrap_or(0)).to_string();
        row("tokens kept", &tokens);
    }
    if sum.paragraphs.read > 0 {
        row("paragraphs compared", &|counts| HumanCount(counts.paragraphs.read).to_string());
        row("paragraphs cut", &|counts| HumanCount(counts.paragraphs.duplicate).to_string());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The sums of several labels.
fn sum_of<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> Counts {
    let mut sum = Counts::default();
    counts.into_iter().for_each(|counts| sum.add(counts));
    sum
}
