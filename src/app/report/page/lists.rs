//! The parts of the page about duplicates, sources, web sites and texts.

use super::super::charts::groups;
use super::super::duplicates::Duplicates;
use super::super::samples::Sample;
use super::super::{Report, summary::Collection};
use super::{bytes, count, percent, table};
use anyhow::Result;
use corpus::Request;
use maud::{Markup, PreEscaped, html};
use std::collections::{BTreeMap, BTreeSet};

/// Sites that are listed.
const SITES_MAX: usize = 100;

/// Sizes of groups from which on they are a chart, and not a sentence.
const SIZES_CHARTED_MIN: usize = 4;

/// What each index found.
pub(super) fn duplicates(report: &Report) -> Result<Markup> {
    let parts = report.duplicates.iter().map(of_index).collect::<Result<Vec<_>>>()?;
    Ok(html! {
        @if parts.is_empty() { p { "No slice compares documents." } }
        @for part in &parts { (part) }
    })
}

fn of_index(found: &Duplicates) -> Result<Markup> {
    let what = match (found.effect.as_str(), found.compares) {
        ("cut", _) => "parts of texts that another document has first are cut".to_owned(),
        ("counted", _) => "parts of texts that another document has first are counted".to_owned(),
        (reason, "near") => format!("documents near to an earlier one are dropped as {reason}"),
        (reason, _) => format!("copies of an earlier document are dropped as {reason}"),
    };
    let is_charted = found.groups.len() >= SIZES_CHARTED_MIN;
    let chart = if is_charted { Some(groups(&found.groups)?) } else { None };
    Ok(html! {
        h3 { (found.index) }
        p.about {
            (found.slices.join(", ")) ": " (what) ". " (count(found.keys)) " keys, "
            (count(found.duplicates)) " duplicates."
            @if let Some(note) = &found.note { " " (note) "." }
        }
        @if !found.pairs.is_empty() { (matrix(found)) }
        @if !is_charted && !found.groups.is_empty() {
            p {
                @for size in &found.groups {
                    (count(size.groups)) " groups of " (count(size.from)) " to " (count(2 * size.from - 1))
                    " members. "
                }
            }
        }
        @if let Some(svg) = chart {
            div.charts {
                figure {
                    div role="img" aria-label="groups of copies by size" { (PreEscaped(svg)) }
                    figcaption { "Groups of copies, by the number of their members" }
                }
            }
        }
        @if !found.largest.is_empty() {
            details {
                summary { "The largest groups" }
                @for group in &found.largest {
                    p { (count(group.members)) " members; the first is " code { (group.first) } }
                    @if let Some(text) = &group.text { pre { (text) } }
                }
            }
        }
    })
}

/// Which label has the first copies of which.
fn matrix(found: &Duplicates) -> Markup {
    let counts: BTreeMap<(&str, &str), u64> =
        found.pairs.iter().map(|pair| ((&*pair.first, &*pair.later), pair.count)).collect();
    let firsts: BTreeSet<&str> = found.pairs.iter().map(|pair| &*pair.first).collect();
    let laters: BTreeSet<&str> = found.pairs.iter().map(|pair| &*pair.later).collect();
    let most = counts.values().copied().max().unwrap_or(1) as f64;
    let rows = html! {
        @for first in &firsts {
            tr {
                th scope="row" { (first) }
                @for later in &laters {
                    @let number = counts.get(&(*first, *later)).copied().unwrap_or(0);
                    // Differences of small numbers are seen too.
                    @let part = 0.65 * (number as f64).ln_1p() / most.ln_1p();
                    td.heat style=(format!("--part:{part:.2}")) {
                        @if number > 0 { (count(number)) }
                    }
                }
            }
        }
    };
    let head: Vec<&str> =
        ["first in \\ again in"].into_iter().chain(laters.iter().copied()).collect();
    table(&head, &rows)
}

/// Steps that removed most of some sources.
pub(super) fn removals(report: &Report) -> Markup {
    let taken = html! {
        @for taken in &report.taken { p { span.warn { (taken.line()) } "." } }
    };
    if report.removals.is_empty() {
        return if report.taken.is_empty() {
            html! { p { "None." } }
        } else {
            taken
        };
    }
    let rows = html! {
        @for removal in &report.removals {
            @let worst = removal.worst.first();
            tr {
                td { (removal.label) } td.text { span.warn { (removal.reason) } }
                td { (count(removal.sources)) " of " (count(removal.of)) }
                td { @if let Some(worst) = worst { (percent(worst.dropped, worst.read)) } }
                td.text { @if let Some(worst) = worst { (worst.source) } }
            }
        }
    };
    let share = report.removals.first().map_or(0.0, |removal| 100.0 * removal.share_max);
    html! {
        p.about {
            "Steps that dropped more than " (format!("{share:.0} %")) " of the records of a source. That may be \
             meant, as for languages; or the rule does not fit the source, or the source is damaged."
        }
        (taken)
        (table(&["label", "step", "sources", "most", "of"], &rows))
    }
}

/// The web sites with most text.
pub(super) fn domains(report: &Report) -> Markup {
    let found = &report.domains;
    if found.sites == 0 {
        return html! { p { "No document has an address." } };
    }
    let rows = html! {
        @for site in found.top.iter().take(SITES_MAX) {
            tr {
                td { (site.domain) } td { (count(site.amount.documents)) }
                td { (bytes(site.amount.bytes)) } td { (percent(site.amount.bytes, found.all.bytes)) }
            }
        }
    };
    let top: u64 = found.top.iter().map(|site| site.amount.bytes).sum();
    html! {
        p.about {
            @if found.is_estimated { "About " }
            (count(found.sites)) " sites: hosts of addresses, without www. The largest tenth, "
            (count(found.top.len() as u64)) " sites, has " (percent(top, found.all.bytes)) " of the text"
            @if found.top.len() > SITES_MAX {
                "; these are the first " (SITES_MAX) ", and --domains writes all"
            }
            "."
        }
        (table(&["site", "documents", "text", ""], &rows))
    }
}

/// The answers to the template's questions.
pub(super) fn summary(report: &Report) -> Markup {
    let summary = &report.summary;
    let period = |collection: &Collection| {
        let days = collection.period.as_ref();
        days.map_or("not in the names".to_owned(), |(first, last)| format!("{first} to {last}"))
    };
    let rows = html! {
        @for collection in &summary.collections {
            tr {
                td.text { b { (collection.slice) } br; (collection.about) br; small { (collection.terms) } }
                td.text { (collection.labels.join(", ")) } td { (period(collection)) }
                td { (count(collection.sources)) } td { (bytes(collection.bytes_stored)) }
                td { (count(collection.documents)) } td { (bytes(collection.bytes)) }
                td { (collection.tokens.map_or("–".to_owned(), count)) }
            }
        }
    };
    let head = ["source", "labels", "period", "files", "stored", "documents", "text", "tokens"];
    html! {
        p.about {
            "What a corpus knows of the answers to the European Commission's template for the public \
             summary of training content (24 July 2025; Article 53(1)(d) of Regulation (EU) 2024/1689). \
             How the sources were obtained, and which opt-outs were respected when they were, is known to \
             those who made them. Periods are the days in the names of labels and files."
        }
        ul {
            li { "Modality: " (summary.modalities.join(", ")) "." }
            li {
                "Size: "
                @match summary.tokens_band {
                    Some(band) => { (band) },
                    None => { "tokens are not counted, " (bytes(report.all.counts.bytes_kept)) " of text" },
                }
                "."
            }
            li {
                "Top 10 % of domain names by size: " (count(report.domains.top.len() as u64)) " of "
                (count(report.domains.sites)) ", listed by --domains."
            }
            li { "Removed on request: " (count(summary.removed)) " documents." }
        }
        (table(&head, &rows))
        @if !summary.requests.is_empty() { (requests(&summary.requests)) }
    }
}

/// The requests to exclude documents that are in force.
fn requests(requests: &[Request]) -> Markup {
    let rows = html! {
        @for request in requests {
            tr {
                td { (request.date) }
                td { (request.reason) }
                td { (request.labels.join(", ")) }
                td { (count(request.selectors)) }
            }
        }
    };
    let head = ["request", "reason", "labels", "documents, addresses and domains"];
    html! { h3 { "Exclusions served" } (table(&head, &rows)) }
}

/// Texts by slice and verdict.
pub(super) fn samples(report: &Report) -> Markup {
    let mut groups: BTreeMap<(&str, Option<&str>), Vec<&Sample>> = BTreeMap::new();
    for sample in &report.samples {
        groups.entry((&sample.slice, sample.reason.as_deref())).or_default().push(sample);
    }
    html! {
        @if groups.is_empty() { p { "None were asked for." } }
        @for ((slice, reason), samples) in &groups {
            details {
                summary {
                    (slice) ": "
                    @match reason { None => "kept", Some(reason) => { "dropped, " (reason) } }
                }
                @for sample in samples {
                    p.note {
                        code { (sample.id) }
                        @if !sample.url.is_empty() { br; (sample.url) }
                        @for note in &sample.notes { br; (note) }
                    }
                    @if let Some(text) = &sample.text { pre { (text) } }
                }
            }
        }
    }
}
