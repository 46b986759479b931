//! The report of commands that add to a corpus.

use crate::guard::Taken;
use crate::ingest::{Skipped, Summary};
use crate::terminal::counts::{Listed, label_json, print_counts};
use crate::terminal::defects::{print_groups, total};
use crate::terminal::outln;
use crate::terminal::units::{counted, speed};
use anyhow::Result;
use corpus::Difference;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

/// Returns the summary for machines.
pub(crate) fn summary_json(summary: &Summary, warnings: &[Taken]) -> Value {
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
        let has_notes = skipped.note.is_some() || skipped.label.defects_count > 0;
        has_notes.then(|| (skipped.label.full_name(), note))
    });
    let notes: serde_json::Map<String, Value> = notes.collect();
    json!({
        "commit": summary.commit,
        "labels": labels,
        "skipped": summary.skipped.iter().map(|s| s.label.full_name()).collect::<Vec<_>>(),
        "notes": notes,
        "notices": summary.notices,
        "warnings": warnings,
        "versions": summary.versions,
        "models": summary.models,
        "seconds": summary.elapsed.as_secs_f64(),
        "mb_per_second": summary.bytes_read() as f64 / 1e6 / summary.elapsed.as_secs_f64(),
    })
}

/// Prints the summary for people.
pub(crate) fn print_summary(summary: &Summary, warnings: &[Taken]) -> Result<()> {
    summary.skipped.iter().try_for_each(print_skipped)?;
    print_versions(&summary.versions)?;
    if summary.labels.is_empty() {
        return outln!("nothing to do; the corpus is at commit {}", summary.commit);
    }
    print_counts(summary.labels.iter().map(|done| &done.label), Listed::Some)?;
    let seconds = summary.elapsed.as_secs_f64();
    outln!(
        "{} of text in {seconds:.1} s{}; {}commit {}",
        HumanBytes(summary.bytes_read()),
        speed(summary.bytes_read(), seconds),
        summary.models.iter().map(|model| format!("{model}; ")).collect::<String>(),
        summary.commit
    )?;
    for done in summary.labels.iter().filter(|done| done.label.counts.read == 0) {
        let (name, slice) = (done.label.full_name(), &done.label.slice);
        outln!("{name}: its files have no document: are they what {slice} reads?")?;
    }
    warnings.iter().try_for_each(|taken| outln!("{}", taken.line()))?;
    print_defects(summary)
}

/// Prints what newer versions took the place of.
fn print_versions(versions: &Difference) -> Result<()> {
    if versions.superseded == 0 {
        return Ok(());
    }
    let (all, kept) =
        (counted(versions.superseded, "older version"), HumanCount(versions.superseded_kept));
    outln!("{all} superseded, {kept} of which were in the corpus")?;
    print_others(versions)
}

/// Prints what became of other documents.
pub(crate) fn print_others(difference: &Difference) -> Result<()> {
    let others = [
        (difference.kept_again, "came back: what they repeat is gone"),
        (difference.changed, "changed: paragraphs came back, or are repeats now"),
        (difference.dropped, "dropped as repeats"),
    ];
    let mut others = others.into_iter().filter(|(number, _)| *number > 0);
    others.try_for_each(|(number, what)| outln!("{} {what}", counted(number, "other document")))
}

fn print_skipped(Skipped { label, note, .. }: &Skipped) -> Result<()> {
    let name = label.full_name();
    outln!("{name}: in the corpus already")?;
    if let Some(note) = note {
        outln!("{name}: {note}")?;
    }
    if label.defects_count > 0 {
        let unlisted = label.defects_count - label.defects.len() as u64;
        let count = counted(total(&label.defects, unlisted), "defect");
        outln!("{name} has {count}, from when it was added:")?;
        print_groups(&label.defects, KINDS_PRINTED_MAX, "see --json")?;
    }
    Ok(())
}

/// Kinds of defects that are printed; all defects are in the summary for machines and in the
/// manifest.
const KINDS_PRINTED_MAX: usize = 10;

fn print_defects(summary: &Summary) -> Result<()> {
    let new: u64 = summary.labels.iter().map(|label| label.defects_new).sum();
    if new == 0 {
        return Ok(());
    }
    let listed = || {
        summary.labels.iter().flat_map(|done| {
            let old = done.label.defects_count - done.defects_new;
            done.label.defects.iter().skip(old as usize)
        })
    };
    let unlisted = new - listed().count() as u64;
    let count = counted(total(listed(), unlisted), "defect");
    outln!("{count} in the input; what could be read was read:")?;
    print_groups(listed(), KINDS_PRINTED_MAX, "see sluice status --defects")?;
    outln!(
        "to add these files after repairing them, use a new label, or build a new corpus; --strict \
         stops at the first defect"
    )
}
