//! A report for a terminal.

use super::Report;
use super::duplicates::Duplicates;
use super::published::Size;
use crate::look::Look;
use crate::terminal::counts::{Listed, aligned, new_table, percent, print_counts};
use crate::terminal::outln;
use crate::terminal::units::{counted, short_count};
use anyhow::Result;
use indicatif::HumanBytes;

/// Rows of a list.
const LISTED_MAX: usize = 10;

/// Prints the report; the HTML page has the rest.
pub(crate) fn print(look: &Look, report: &Report) -> Result<()> {
    outln!("commit {}", report.commit)?;
    print_counts(look.manifest.present(), Listed::Some)?;
    print_sizes(&report.sizes)?;
    print_duplicates(&report.duplicates)?;
    print_removals(report)?;
    report.taken.iter().try_for_each(|taken| outln!("{}", taken.line()))?;
    print_domains(report)
}

fn print_sizes(sizes: &[Size]) -> Result<()> {
    let mut table = new_table();
    let head = ["beside", "text", "tokens", "share", "LLaMA", "RedPajama", "(tokens)"];
    table.set_header(head);
    for size in sizes {
        let share = |share: Option<f64>| {
            share.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
        };
        table.add_row([
            size.slice.clone(),
            HumanBytes(size.bytes).to_string(),
            size.tokens.map_or("-".to_owned(), short_count),
            share(Some(size.share)),
            share(size.llama_share),
            share(size.redpajama_share),
            size.redpajama_tokens.map_or("-".to_owned(), short_count),
        ]);
    }
    outln!("{}", aligned(table))
}

fn print_duplicates(all: &[Duplicates]) -> Result<()> {
    if all.iter().all(|index| index.duplicates == 0) {
        return Ok(());
    }
    let mut table = new_table();
    table.set_header(["index", "effect", "keys", "duplicates", "across labels"]);
    for index in all {
        let other = index.pairs.iter().filter(|pair| pair.first != pair.later);
        let other: u64 = other.map(|pair| pair.count).sum();
        table.add_row([
            index.index.clone(),
            index.effect.clone(),
            short_count(index.keys),
            short_count(index.duplicates),
            format!("{}  {:>6}", short_count(other), percent(other, index.duplicates)),
        ]);
    }
    outln!("{}", aligned(table))?;
    for index in all {
        if let Some(note) = &index.note {
            outln!("{}: {note}", index.index)?;
        }
    }
    Ok(())
}

fn print_removals(report: &Report) -> Result<()> {
    for removal in report.removals.iter().take(LISTED_MAX) {
        let worst = removal.worst.first();
        let worst = worst.map_or(String::new(), |worst| {
            format!("; most of {}: {:.1} %", worst.source, 100.0 * worst.share())
        });
        outln!(
            "{}: {} dropped more than {:.0} % of {} of {}{worst}",
            removal.label,
            removal.reason,
            100.0 * removal.share_max,
            removal.sources,
            counted(removal.of, "source"),
        )?;
    }
    more(report.removals.len(), "step of a label", "steps of labels")
}

fn print_domains(report: &Report) -> Result<()> {
    let domains = &report.domains;
    if domains.sites == 0 {
        return Ok(());
    }
    outln!(
        "{} with {}; the largest:",
        counted(domains.sites, "web site"),
        counted(domains.all.documents, "document")
    )?;
    for site in domains.top.iter().take(LISTED_MAX) {
        let (documents, bytes) = (counted(site.amount.documents, "document"), site.amount.bytes);
        outln!("  {}: {documents}, {}", site.domain, HumanBytes(bytes))?;
    }
    Ok(())
}

fn more(count: usize, one: &str, several: &str) -> Result<()> {
    match count.saturating_sub(LISTED_MAX) {
        0 => Ok(()),
        1 => outln!("and 1 more {one}"),
        more => outln!("and {more} more {several}"),
    }
}
