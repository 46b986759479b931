//! The parts of the page about counts, sizes and distributions.

use super::super::charts::histogram;
use super::super::histogram::Histogram;
use super::super::ledger::Tally;
use super::super::{Report, SliceReport};
use super::{bar, bytes, count, percent, share, table};
use anyhow::Result;
use corpus::Counts;
use maud::{Markup, PreEscaped, html};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Languages that are listed for a slice.
const LANGUAGES_MAX: usize = 20;

/// The slices, and their sum.
pub(super) fn funnel(report: &Report) -> Markup {
    let row = |name: &str, counts: &Counts, class: &str| {
        html! {
            tr class=(class) {
                td { (name) } td { (count(counts.read)) } td { (count(counts.kept)) }
                td { (percent(counts.kept, counts.read)) } td { (bar(counts.kept, counts.read)) }
                td { (bytes(counts.bytes_read)) } td { (bytes(counts.bytes_kept)) }
                td { (counts.tokens.map_or("–".to_owned(), count)) }
            }
        }
    };
    let rows = html! {
        @for slice in &report.slices { (row(&slice.slice, &slice.all.counts, "")) }
        (row("all", &report.all.counts, "sum"))
    };
    let head = ["slice", "read", "kept", "", "", "text read", "text kept", "tokens"];
    html! {
        p.about {
            span.key style="background:var(--kept)" {} " kept "
            span.key style="background:var(--dropped)" {} " dropped"
        }
        (table(&head, &rows))
    }
}

/// For each slice its labels, and what its steps dropped of each.
pub(super) fn slices(report: &Report) -> Markup {
    html! { @for slice in &report.slices { h3 { (slice.slice) } (labels(slice)) } }
}

fn labels(slice: &SliceReport) -> Markup {
    let reasons: Vec<&str> = slice.all.counts.dropped.keys().map(|reason| &**reason).collect();
    let number = |label: &serde_json::Value, key: &str| label[key].as_u64().unwrap_or_default();
    let has_paragraphs = slice.all.counts.paragraphs.read > 0;
    let rows = html! {
        @for (name, label) in &slice.labels {
            @let (read, kept) = (number(label, "read"), number(label, "kept"));
            tr {
                td { (name) } td { (count(read)) } td { (count(kept)) } td { (percent(kept, read)) }
                @for reason in &reasons {
                    td { (part(label["dropped"][reason].as_u64().unwrap_or_default(), read)) }
                }
                @if has_paragraphs {
                    @let paragraphs = &label["paragraphs"];
                    td { (part(number(paragraphs, "duplicate"), number(paragraphs, "read"))) }
                }
            }
        }
    };
    let head = ["label", "read", "kept", ""];
    let paragraphs = has_paragraphs.then_some("paragraphs cut");
    let head: Vec<&str> = head.into_iter().chain(reasons).chain(paragraphs).collect();
    table(&head, &rows)
}

/// `12 (4.0 %)`
fn part(part: u64, whole: u64) -> String {
    if part == 0 { "–".to_owned() } else { format!("{} ({})", count(part), percent(part, whole)) }
}

/// The table beside those of LLaMA and RedPajama.
pub(super) fn sizes(report: &Report) -> Markup {
    let rows = html! {
        @for size in &report.sizes {
            tr {
                td { (size.slice) } td { (count(size.documents)) } td { (bytes(size.bytes)) }
                td { (size.tokens.map_or("–".to_owned(), count)) } td { (share(Some(size.share))) }
                td { (share(size.llama_share)) }
                td { (size.llama_bytes.map_or("–".to_owned(), |size| format!("{} GB", size / 1_000_000_000))) }
                td { (share(size.redpajama_share)) }
                td { (size.redpajama_tokens.map_or("–".to_owned(), |n| format!("{} B", n / 1_000_000_000))) }
            }
        }
    };
    let head = [
        "slice",
        "documents",
        "text",
        "tokens",
        "share",
        "LLaMA",
        "LLaMA, on disk",
        "RedPajama-1T",
        "RedPajama-1T, tokens",
    ];
    html! {
        (table(&head, &rows))
        p.note {
            "LLaMA: share of each set in the batches, Touvron et al. 2023, arXiv:2302.13971, Table 1. \
             RedPajama-1T: tokens of GPT-NeoX-20B's tokenizer, Weber et al. 2024, arXiv:2411.12372. Tokens \
             of different tokenizers are not the same unit. The share here is of "
            @if report.all.counts.tokens.is_some() { "tokens" } @else { "bytes of text" }
            "."
        }
    }
}

/// Languages, buckets and the charts of scores.
pub(super) fn charts(report: &Report) -> Result<Markup> {
    let mut parts = Vec::new();
    for slice in &report.slices {
        let scanned = &slice.scanned;
        let mut figures = Vec::new();
        for (name, values) in [
            ("language score", &scanned.language_score),
            ("perplexity", &scanned.perplexity),
            ("quality", &scanned.quality),
        ] {
            if !values.is_empty() {
                figures.push(figure(slice, name, values)?);
            }
        }
        let is_known =
            |tallies: &BTreeMap<String, Tally>| tallies.keys().any(|name| !name.is_empty());
        let has_languages = is_known(&scanned.languages);
        if figures.is_empty() && !has_languages {
            continue;
        }
        parts.push(html! {
            h3 { (slice.slice) }
            @if has_languages { (tallies("language", &scanned.languages)) }
            @if is_known(&scanned.buckets) { (tallies("bucket", &scanned.buckets)) }
            div.charts { @for figure in &figures { (figure) } }
        });
    }
    Ok(html! {
        @if parts.is_empty() { p { "No slice identifies languages or computes scores." } }
        @for part in &parts { (part) }
    })
}

fn figure(slice: &SliceReport, name: &str, values: &Histogram) -> Result<Markup> {
    let svg = histogram(values, name)?;
    let about = format!("{}: {name} of documents kept (below) and dropped (above)", slice.slice);
    Ok(html! {
        figure { div role="img" aria-label=(about) { (PreEscaped(svg)) } figcaption { (about) } }
    })
}

/// The counts of the most frequent values.
fn tallies(name: &str, tallies: &BTreeMap<String, Tally>) -> Markup {
    let mut known: Vec<(&String, &Tally)> =
        tallies.iter().filter(|(value, _)| !value.is_empty()).collect();
    known.sort_by_key(|(value, tally)| (Reverse(tally.read), *value));
    let more = known.len().saturating_sub(LANGUAGES_MAX);
    let rows = html! {
        @for (value, tally) in known.iter().take(LANGUAGES_MAX) {
            tr {
                td { (value) } td { (count(tally.read)) } td { (count(tally.kept)) }
                td { (percent(tally.kept, tally.read)) } td { (bytes(tally.bytes_kept)) }
            }
        }
    };
    html! {
        (table(&[name, "read", "kept", "", "text kept"], &rows))
        @if more > 0 { p.note { "and " (more) " more: the report as JSON has them" } }
    }
}
