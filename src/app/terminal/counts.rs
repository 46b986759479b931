//! The counts of labels: tables for people, objects for programs.
//!
//! Labels are rows, so that a table of any number of them fits a terminal.

use crate::terminal::outln;
use crate::terminal::units::{counted, short_count};
use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use corpus::{ContaminationCounts, Counts, Evaluation, Label};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

/// Labels of a slice that are listed without being asked for.
const LABELS_LISTED_MAX: usize = 40;

/// The width of a page, where there is no terminal.
const PAGE_WIDTH: u16 = 80;

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
        "contamination": counts.contamination,
        "defects": label.defects_count,
    })
}

/// How many labels of a slice are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// All.
    All,
    /// Only the sums, if there are many.
    Some,
}

/// Prints the counts of labels: for each slice a table of its labels, and one of what was dropped.
/// Several slices also get a table of sums.
pub(crate) fn print_counts<'a>(
    labels: impl IntoIterator<Item = &'a Label>,
    listed: Listed,
) -> Result<()> {
    let mut slices: Vec<(&str, Vec<Row<'a>>)> = Vec::new();
    for label in labels {
        let row = Row { name: &label.name, counts: label.counts.clone() };
        match slices.iter_mut().find(|(slice, _)| *slice == label.slice) {
            Some((_, rows)) => rows.push(row),
            None => slices.push((&label.slice, vec![row])),
        }
    }
    let width = page_width();
    let mut sums = Vec::new();
    for (slice, rows) in slices {
        let sum = sum_of(&rows);
        let count = rows.len();
        let is_listed = listed == Listed::All || count <= LABELS_LISTED_MAX;
        let shown = if is_listed { rows } else { Vec::new() };
        outln!("{}", labels_table(slice, &shown, &sum, width))?;
        if !is_listed {
            let labels = counted(count as u64, "label");
            outln!("{slice} has {labels}: --slice {slice} lists them")?;
        }
        if let Some(table) = dropped_table(&shown, &sum, width) {
            outln!("{table}")?;
        }
        sums.push(Row { name: slice, counts: sum });
    }
    if sums.len() > 1 {
        let sum = sum_of(&sums);
        outln!("{}", labels_table("slice", &sums, &sum, width))?;
    }
    Ok(())
}

/// A label or a slice, and its counts.
struct Row<'a> {
    name: &'a str,
    counts: Counts,
}

/// The sums of several rows.
fn sum_of(rows: &[Row<'_>]) -> Counts {
    let mut sum = Counts::default();
    rows.iter().for_each(|row| sum.add(&row.counts));
    sum
}

/// The width of the terminal; without one, that of a page, or what `COLUMNS` says.
fn page_width() -> u16 {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    Table::new().width().or_else(columns).unwrap_or(PAGE_WIDTH)
}

/// A table with a row for each of `rows`, and one for their sum if there is not exactly one. Exact
/// if that fits the width, else with short numbers.
fn labels_table(title: &str, rows: &[Row<'_>], sum: &Counts, width: u16) -> Table {
    let build = |count: fn(u64) -> String| {
        let has_tokens = sum.tokens.is_some();
        let mut table = new_table();
        let head = [title, "read", "kept", "kept %", "text read", "text kept", "tokens"];
        table.set_header(&head[..if has_tokens { 7 } else { 6 }]);
        let mut add = |name: &str, counts: &Counts| {
            let mut cells = vec![
                name.to_owned(),
                count(counts.read),
                count(counts.kept),
                percent(counts.kept, counts.read),
                HumanBytes(counts.bytes_read).to_string(),
                HumanBytes(counts.bytes_kept).to_string(),
            ];
            if has_tokens {
                cells.push(counts.tokens.map_or_else(|| "-".to_owned(), count));
            }
            table.add_row(cells);
        };
        rows.iter().for_each(|row| add(row.name, &row.counts));
        if rows.len() != 1 {
            add("all", sum);
        }
        aligned(table)
    };
    fitting(build(exact), width).or_else(|| fitting(build(short_count), width)).unwrap_or_else(
        || {
            let mut table = build(short_count);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            table
        },
    )
}

/// A table with a row for each reason, and a column for each of `rows` if they fit the width, else
/// one for their sum. `None` if nothing was dropped or cut.
fn dropped_table(rows: &[Row<'_>], sum: &Counts, width: u16) -> Option<Table> {
    if sum.dropped.is_empty() && sum.paragraphs.read == 0 {
        return None;
    }
    let build = |rows: &[Row<'_>], count: fn(u64) -> String| {
        let mut table = new_table();
        let names = rows.iter().map(|row| row.name);
        let all = (rows.len() != 1).then_some("all");
        table.set_header(["dropped"].into_iter().chain(names).chain(all));
        let counts = rows.iter().map(|row| &row.counts).chain(all.map(|_| sum));
        let counts: Vec<&Counts> = counts.collect();
        for reason in sum.dropped.keys() {
            let share = |counts: &&Counts| {
                share(counts.dropped.get(reason).copied().unwrap_or(0), counts.read, count)
            };
            table.add_row([reason.to_string()].into_iter().chain(counts.iter().map(share)));
        }
        if sum.paragraphs.read > 0 {
            let share = |counts: &&Counts| {
                share(counts.paragraphs.duplicate, counts.paragraphs.read, count)
            };
            let cells = counts.iter().map(share);
            table.add_row(["paragraphs cut".to_owned()].into_iter().chain(cells));
        }
        aligned(table)
    };
    let table = fitting(build(rows, exact), width);
    let table = table.or_else(|| fitting(build(rows, short_count), width));
    Some(table.unwrap_or_else(|| build(&[], exact)))
}

/// A table of evaluation sets, and of the documents that have something of them; `None` if there are
/// no sets. Of `read` sets it has the texts too.
pub(crate) fn evaluations_table(
    sets: &[Evaluation],
    counts: &ContaminationCounts,
    read: &[contamination::Set],
) -> Option<Table> {
    if sets.is_empty() {
        return None;
    }
    let mut table = new_table();
    let head = ["evaluation set", "documents", "texts", "too short", "n-grams"];
    table.set_header(&head[..if read.is_empty() { 2 } else { 5 }]);
    for set in sets {
        let documents = counts.sets.get(&set.name).copied().unwrap_or(0);
        let mut cells = vec![set.name.clone(), exact(documents)];
        if let Some(set) = read.iter().find(|known| known.name == set.name) {
            cells.extend([set.texts, set.short, set.ngrams].map(exact));
        }
        table.add_row(cells);
    }
    Some(aligned(table))
}

/// An empty table.
pub(crate) fn new_table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table
}

/// Returns a table whose numbers, in all columns but the first, are aligned.
pub(crate) fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Returns the table if it is not wider than `width`.
fn fitting(table: Table, width: u16) -> Option<Table> {
    let is_narrow = |line: String| line.chars().count() <= usize::from(width);
    let fits = table.lines().all(is_narrow);
    fits.then_some(table)
}

fn exact(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `16.3 %`
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    }
}

/// `12   4.0 %`
fn share(part: u64, whole: u64, count: fn(u64) -> String) -> String {
    match whole {
        0 => "0".to_owned(),
        _ => format!("{}  {:>6}", count(part), percent(part, whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(read: u64, tokens: Option<u64>) -> Counts {
        let dropped = [("too_short".into(), read / 4), ("duplicate_paragraphs".into(), read / 4)];
        Counts {
            read,
            kept: read - 2 * (read / 4),
            dropped: dropped.into(),
            bytes_read: read * 4000,
            bytes_kept: read * 1000,
            tokens,
            ..Counts::default()
        }
    }

    fn widest(table: &Table) -> usize {
        table.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    #[test]
    fn any_number_of_large_labels_fits_eighty_columns() {
        let names: Vec<String> = (0..84).map(|n| format!("CC-MAIN-20{n:02}-10")).collect();
        let large = counts(123_456_789_012, Some(98_765_432_101_234));
        let rows: Vec<Row<'_>> =
            names.iter().map(|name| Row { name, counts: large.clone() }).collect();
        let sum = sum_of(&rows);
        let table = labels_table("common_crawl", &rows, &sum, 80);
        assert!(widest(&table) <= 80, "{table}");
        assert!(table.to_string().contains("123 G") && table.to_string().contains("98.8 T"));
        // A wide terminal has exact numbers.
        let wide = labels_table("common_crawl", &rows, &sum, 200);
        assert!(wide.to_string().contains("98,765,432,101,234"), "{wide}");
        let dropped = dropped_table(&rows, &sum, 80).unwrap();
        assert!(widest(&dropped) <= 80, "{dropped}");
        // A label of the longest name is wrapped.
        let long = "l".repeat(100);
        let table = labels_table("c4", &[Row { name: &long, counts: large }], &sum, 80);
        assert!(widest(&table) <= 80, "{table}");
    }

    #[test]
    fn reasons_stand_beside_labels_where_they_fit() {
        let row = |name| Row { name, counts: counts(400, None) };
        let rows = [row("2019-30"), row("2020-05")];
        let sum = sum_of(&rows);
        let table = dropped_table(&rows, &sum, 80).unwrap().to_string();
        assert!(table.contains("2020-05") && table.contains("200  25.0 %"), "{table}");
        let narrow = dropped_table(&rows, &sum, 50).unwrap().to_string();
        assert!(!narrow.contains("2020-05") && narrow.contains("200  25.0 %"), "{narrow}");
        assert!(dropped_table(&[], &Counts::default(), 80).is_none());
    }
}
