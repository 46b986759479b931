//! What a user sees of a run: bars on a terminal, lines otherwise, a table at the end.

use crate::summary::{Skipped, Summary, total};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use corpus::{Counts, DefectRow, Label};
use engine::Progress;
use engine::cluster::Cluster;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much is told on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

const BAR_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_VERBOSE: Duration = Duration::from_secs(1);

/// Shows progress until it is finished.
pub(crate) struct Display {
    stop: Option<Sender<()>>,
    showing: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts showing `progress`. In a run of several processes the first shows its own share.
    pub fn start(progress: Progress, verbosity: Verbosity, cluster: &Cluster) -> Result<Display> {
        if verbosity == Verbosity::Quiet || cluster.process > 0 {
            return Ok(Display { stop: None, showing: None });
        }
        let (stop, stopped) = channel();
        let bars = std::io::stderr().is_terminal();
        let every = match verbosity {
            _ if bars => BAR_EVERY,
            Verbosity::Verbose => LINE_EVERY_VERBOSE,
            _ => LINE_EVERY,
        };
        let share = match cluster.processes() {
            1 => String::new(),
            processes => format!(" (share of process 0 of {processes})"),
        };
        let show = move || {
            let mut shown =
                if bars { Shown::Bars(Bars::new(&progress, &share)) } else { Shown::Lines(share) };
            let started = Instant::now();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                shown.update(&progress, started);
            }
            shown.end();
        };
        let showing = std::thread::Builder::new().name("display".into()).spawn(show)?;
        Ok(Display { stop: Some(stop), showing: Some(showing) })
    }

    /// Clears what is shown.
    pub fn finish(mut self) {
        drop(self.stop.take());
        if let Some(showing) = self.showing.take() {
            let _ = showing.join();
        }
    }
}

enum Shown {
    Bars(Bars),
    Lines(String),
}

impl Shown {
    fn update(&mut self, progress: &Progress, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        match self {
            Shown::Bars(bars) => bars.update(progress, seconds),
            Shown::Lines(share) => {
                for label in progress.labels() {
                    let stored = label.stored_bytes.load(Relaxed);
                    let documents = label.documents.load(Relaxed);
                    if documents == 0 {
                        continue;
                    }
                    let done = 100.0 * stored as f64 / label.stored_bytes_total.max(1) as f64;
                    eprintln!("{}{share}: {done:.0} % read, {}", label.name, told(label, seconds));
                }
            }
        }
    }

    fn end(&self) {
        if let Shown::Bars(bars) = self {
            bars.each.iter().for_each(|bar| bar.finish_and_clear());
        }
    }
}

struct Bars {
    each: Vec<ProgressBar>,
    _all: MultiProgress,
}

impl Bars {
    fn new(progress: &Progress, share: &str) -> Bars {
        let all = MultiProgress::new();
        let style =
            ProgressStyle::with_template("{prefix:24} [{bar:24}] {percent:>3} %  {msg}  eta {eta}")
                .expect("the template above")
                .progress_chars("=> ");
        let each = progress.labels().map(|label| {
            let bar = all.add(ProgressBar::new(label.stored_bytes_total).with_style(style.clone()));
            bar.with_prefix(format!("{}{share}", label.name))
        });
        Bars { each: each.collect(), _all: all }
    }

    fn update(&mut self, progress: &Progress, seconds: f64) {
        for (bar, label) in self.each.iter().zip(progress.labels()) {
            bar.set_position(label.stored_bytes.load(Relaxed));
            bar.set_message(told(label, seconds));
        }
    }
}

fn told(label: &engine::LabelProgress, seconds: f64) -> String {
    let (finished, kept) = (label.finished.load(Relaxed), label.kept.load(Relaxed));
    let speed = label.text_bytes.load(Relaxed) as f64 / 1e6 / seconds.max(0.001);
    let kept = match finished {
        0 => "-".into(),
        _ => format!("{:.0}", 100.0 * kept as f64 / finished as f64),
    };
    let documents = HumanCount(label.documents.load(Relaxed));
    format!("{documents} documents, {speed:.1} MB/s, {kept} % kept")
}

/// A label's counts as `status --json` has them.
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

/// The summary for machines.
pub(crate) fn summary_json(summary: &Summary) -> Value {
    let labels: serde_json::Map<String, Value> = summary
        .labels
        .iter()
        .map(|done| {
            let mut label = label_json(&done.label);
            label["malformed"] = json!(done.label.defects);
            (done.label.full_name(), label)
        })
        .collect();
    let notes = summary.skipped.iter().filter_map(|skipped| {
        let note = json!({"sources": skipped.note, "malformed": skipped.label.defects});
        let is_any = skipped.note.is_some() || skipped.label.defects_count > 0;
        is_any.then(|| (skipped.label.full_name(), note))
    });
    let notes: serde_json::Map<String, Value> = notes.collect();
    json!({
        "commit": summary.commit,
        "labels": labels,
        "skipped": summary.skipped.iter().map(|s| s.label.full_name()).collect::<Vec<_>>(),
        "notes": notes,
        "notices": summary.notices,
        "models": summary.models,
        "seconds": summary.elapsed.as_secs_f64(),
        "mb_per_second": summary.bytes_read() as f64 / 1e6 / summary.elapsed.as_secs_f64(),
    })
}

/// The summary for people.
pub(crate) fn print_summary(summary: &Summary) {
    for skipped in &summary.skipped {
        print_skipped(skipped);
    }
    if summary.labels.is_empty() {
        println!("nothing to do; the corpus is at commit {}", summary.commit);
        return;
    }
    print_counts(summary.labels.iter().map(|done| &done.label));
    let seconds = summary.elapsed.as_secs_f64();
    println!(
        "{} of text in {:.1} s, {:.1} MB/s; {}commit {}",
        HumanBytes(summary.bytes_read()),
        seconds,
        summary.bytes_read() as f64 / 1e6 / seconds,
        summary.models.iter().map(|model| format!("{model}; ")).collect::<String>(),
        summary.commit
    );
    for done in summary.labels.iter().filter(|done| done.label.counts.read == 0) {
        let (name, slice) = (done.label.full_name(), &done.label.slice);
        println!("{name}: its files hold no document: are they what {slice} reads?");
    }
    print_defects(summary);
}

fn print_skipped(Skipped { label, note }: &Skipped) {
    let name = label.full_name();
    println!("{name}: in the corpus already");
    if let Some(note) = note {
        println!("{name}: {note}");
    }
    if label.defects_count > 0 {
        println!("{name} has {} defects, from when it was added:", label.defects_count);
        print_rows(label.defects.iter(), label.defects_count);
    }
}

/// Defects shown one by one; the rest stand in the summary for machines and in the manifest.
const DEFECTS_SHOWN: usize = 20;

fn print_defects(summary: &Summary) {
    let count: u64 = summary.labels.iter().map(|label| label.defects_new).sum();
    if count == 0 {
        return;
    }
    println!("{count} defects in the input; what could be read was read:");
    let listed = summary.labels.iter().flat_map(|done| {
        let old = done.label.defects_count - done.defects_new;
        done.label.defects.iter().skip(old as usize)
    });
    print_rows(listed, count);
    println!(
        "to add these files once they are repaired, give them a label of their own, or build a new \
         corpus; --strict stops at the first defect"
    );
}

fn print_rows<'a>(rows: impl Iterator<Item = &'a DefectRow>, count: u64) {
    for defect in rows.take(DEFECTS_SHOWN) {
        println!("  {}: byte {}: {}", defect.source, defect.offset, defect.what);
    }
    if count > DEFECTS_SHOWN as u64 {
        println!("  and {} more: see --json", count - DEFECTS_SHOWN as u64);
    }
}

/// Prints the counts of labels, a table for each slice; of several slices also what they come to.
pub(crate) fn print_counts<'a>(labels: impl IntoIterator<Item = &'a Label>) {
    let mut slices: Vec<(&str, Vec<&Label>)> = Vec::new();
    for label in labels {
        match slices.iter_mut().find(|(slice, _)| *slice == label.slice) {
            Some((_, labels)) => labels.push(label),
            None => slices.push((&label.slice, vec![label])),
        }
    }
    for (_, labels) in &slices {
        println!("{}", counts_table(labels));
    }
    if slices.len() > 1 {
        println!("{}", slices_table(&slices));
    }
}

/// What there is of each slice, and of all.
fn slices_table(slices: &[(&str, Vec<&Label>)]) -> Table {
    let of = |labels: &[&Label]| total(labels.iter().map(|label| &label.counts));
    let mut rows: Vec<(&str, Counts)> =
        slices.iter().map(|(slice, labels)| (*slice, of(labels))).collect();
    let all = total(rows.iter().map(|(_, counts)| counts));
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
    let sum = total(labels.iter().map(|label| &label.counts));
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
