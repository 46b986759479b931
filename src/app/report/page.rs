//! A report as one HTML page, which needs nothing else: no script, no font, no file.

mod corpus;
mod lists;

use self::corpus::{charts, funnel, sizes, slices};
use self::lists::{domains, duplicates, removals, samples, summary};
use super::Report;
use anyhow::Result;
use indicatif::{HumanBytes, HumanCount};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// Returns the page of a corpus with this name.
///
/// # Errors
/// If a chart cannot be drawn.
pub(crate) fn page(report: &Report, name: &str) -> Result<String> {
    let title = format!("The corpus {name}");
    let sections = [
        ("funnel", "What was kept", funnel(report)),
        ("labels", "Labels and steps", slices(report)),
        ("sizes", "Beside LLaMA and RedPajama", sizes(report)),
        ("duplicates", "Duplicates", duplicates(report)?),
        ("values", "Languages and scores", charts(report)?),
        ("sources", "Sources of which one step removed most", removals(report)),
        ("sites", "Web sites", domains(report)),
        ("summary", "For a public summary of training data", summary(report)),
        ("samples", "Samples", samples(report)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p.about {
                    "Commit " (report.commit) ": " (count(report.all.counts.kept)) " of "
                    (count(report.all.counts.read)) " documents kept, "
                    (bytes(report.all.counts.bytes_kept)) " of text"
                    @if let Some(tokens) = report.all.counts.tokens { ", " (count(tokens)) " tokens" }
                    ". Made by sluicebox " (env!("CARGO_PKG_VERSION")) "."
                }
                nav {
                    @for (id, name, _) in &sections { a href={ "#" (id) } { (name) } }
                }
                @for (id, name, content) in &sections {
                    h2 id=(id) { (name) }
                    (content)
                }
            }
        }
    };
    Ok(page.into_string())
}

fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

fn percent(part: u64, whole: u64) -> String {
    share((whole > 0).then(|| part as f64 / whole as f64))
}

fn share(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

/// A table that scrolls by itself if the screen is narrow.
fn table(head: &[&str], rows: &Markup) -> Markup {
    html! {
        div.wide tabindex="0" {
            table {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A bar: the part kept of a whole.
fn bar(part: u64, whole: u64) -> Markup {
    let width = 100.0 * part as f64 / whole.max(1) as f64;
    html! {
        div.bar role="img" aria-label=(percent(part, whole)) {
            span style=(format!("width:{width:.2}%")) {}
        }
    }
}
