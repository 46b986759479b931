//! Records for people.

use super::View;
use super::view::Threshold;
use corpus::MatchedSet;
use formats::fields;
use indicatif::{HumanBytes, HumanCount};
use serde_json::Value;
use std::fmt::Write;

/// Lines of an excerpt.
const LINES: usize = 6;

/// Characters of a line of an excerpt.
const LINE_CHARS: usize = 100;

/// Characters of a field of `meta`, and of a setting.
const VALUE_CHARS: usize = 120;

/// Returns a record with all that is known of it, and its whole text.
pub(crate) fn whole(view: &View) -> String {
    let compared: Vec<String> = view.thresholds.iter().map(compared).collect();
    let mut out = head(view, &compared);
    line(&mut out, "text", &about_text(view));
    view.notes.iter().for_each(|note| line(&mut out, "", note));
    if let Some(text) = &view.text {
        out.push('\n');
        out.push_str(text);
        if !text.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Returns what is known of a record besides its text, with `why` below its verdict.
pub(crate) fn head(view: &View, why: &[String]) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| line(&mut out, name, value);
    line("id", &view.id);
    line("verdict", &verdict(view));
    why.iter().for_each(|why| line("", why));
    for (place, matched) in evaluations(view).enumerate() {
        line(if place == 0 { "matches" } else { "" }, &matched);
    }
    if !view.ledger.url.is_empty() {
        line("url", &view.ledger.url);
    }
    line("source", &view.ledger.source);
    let offset = HumanCount(view.ledger.offset);
    line("", &format!("record {}, byte {offset}", view.ledger.record));
    let scores = scores(view);
    if !scores.is_empty() {
        line("scores", &scores);
    }
    if let Some(signals) = &view.ledger.signals {
        line("signals", signals.get());
    }
    for (place, (name, value)) in meta(view).into_iter().enumerate() {
        line(if place == 0 { "meta" } else { "" }, &format!("{name} {value}"));
    }
    for (place, defect) in view.defects.iter().enumerate() {
        line(if place == 0 { "defects" } else { "" }, defect);
    }
    out
}

/// Adds a line with a name, which may be empty.
pub(crate) fn line(out: &mut String, name: &str, value: &str) {
    writeln!(out, "{name:10}{value}").expect("memory takes all");
}

/// Returns the head of a record and the first lines of its text, or all of it.
pub(crate) fn excerpt(view: &View, is_full: bool) -> String {
    let mut out = format!("{}\n  {}", view.id, verdict(view));
    if let Some(decisive) = view.thresholds.iter().find(|threshold| !threshold.passes) {
        write!(out, " ({})", compared(decisive)).expect("memory takes all");
    }
    for matched in evaluations(view) {
        write!(out, "\n  {matched}").expect("memory takes all");
    }
    if !view.ledger.url.is_empty() {
        write!(out, "\n  {}", view.ledger.url).expect("memory takes all");
    }
    let scores = scores(view);
    if !scores.is_empty() {
        write!(out, "\n  {scores}").expect("memory takes all");
    }
    write!(out, "\n  text {}", about_text(view)).expect("memory takes all");
    for more in view.notes.iter().chain(&view.defects) {
        write!(out, "\n  {more}").expect("memory takes all");
    }
    out.push('\n');
    let Some(text) = &view.text else { return out };
    let mut lines = text.lines().filter(|line| is_full || !line.trim().is_empty());
    let shown = lines.by_ref().take(if is_full { usize::MAX } else { LINES });
    for line in shown {
        let line = if is_full { line.to_owned() } else { cut(line, LINE_CHARS) };
        writeln!(out, "    {line}").expect("memory takes all");
    }
    let more = lines.count() as u64;
    if more > 0 {
        writeln!(out, "    [{}]", crate::terminal::units::counted(more, "more line"))
            .expect("memory takes all");
    }
    out
}

fn verdict(view: &View) -> String {
    match &view.reason {
        None => view.verdict.to_owned(),
        Some(reason) => format!("{}: {reason}", view.verdict),
    }
}

/// What the document has of each evaluation set.
fn evaluations(view: &View) -> impl Iterator<Item = String> + '_ {
    view.contamination.iter().flat_map(|found| &found.sets).map(MatchedSet::describe)
}

/// Returns a comparison: `language_score 0.41 < min_language_score 0.5`.
pub(crate) fn compared(threshold: &Threshold) -> String {
    let Threshold { name, value, sign, setting, limit, .. } = threshold;
    let name = if *setting == "keep" { "" } else { name };
    let value = value.as_ref().map_or_else(|| "?".to_owned(), show);
    format!("{name} {value} {sign} {setting} {}", show(limit)).trim_start().to_owned()
}

/// The text, how long it is and whether it is what was kept.
fn about_text(view: &View) -> String {
    let (Some(text), Some(is)) = (&view.text, view.text_is) else {
        return format!("none; {} were read", HumanBytes(view.ledger.bytes_read));
    };
    let (size, chars) = (HumanBytes(text.len() as u64), HumanCount(text.chars().count() as u64));
    format!("{is}, {size}, {chars} characters")
}

fn scores(view: &View) -> String {
    let ledger = &view.ledger;
    let mut scores = Vec::new();
    if let (Some(language), Some(score)) = (&ledger.language, ledger.language_score) {
        scores.push(format!("language {language} {}", number(score)));
    }
    scores.extend(ledger.perplexity.map(|value| format!("perplexity {}", number(value))));
    scores.extend(ledger.bucket.as_ref().map(|bucket| format!("bucket {bucket}")));
    scores.extend(ledger.quality.map(|value| format!("quality {}", number(value))));
    scores.extend(ledger.tokens.map(|count| format!("tokens {}", HumanCount(count))));
    if ledger.paragraphs_read > 0 {
        let (read, cut) = (ledger.paragraphs_read, ledger.paragraphs_duplicate);
        scores.push(format!("paragraphs {read}, {cut} of them repeats"));
    }
    scores.join(", ")
}

/// The published fields that the head does not have.
fn meta(view: &View) -> Vec<(String, String)> {
    let Some(meta) = &view.meta else { return Vec::new() };
    let fields = fields(meta.get()).unwrap_or_default();
    let fields = fields.into_iter().filter(|(name, value)| {
        !["id", "url"].contains(&name.as_str()) && !["\"\"", "null"].contains(&value.get())
    });
    fields
        .map(|(name, value)| {
            let text = serde_json::from_str::<Value>(value.get());
            let text = text.map_or_else(|_| value.get().to_owned(), |value| show(&value));
            (name, cut(&text.replace('\n', " "), VALUE_CHARS))
        })
        .collect()
}

fn show(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(count) if count.is_u64() => count.to_string(),
        Value::Number(decimal) => decimal.as_f64().map_or_else(|| decimal.to_string(), number),
        Value::Array(list) => list.iter().map(show).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let text = if value.is_array() { format!("[{text}]") } else { text };
    cut(&text, VALUE_CHARS)
}

/// Up to five digits after the point, so that two sides of a comparison do not look equal too soon.
fn number(value: f64) -> String {
    let text = format!("{value:.5}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" { "0".to_owned() } else { text.to_owned() }
}

pub(crate) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{} [...]", &text[..end]),
        None => text.to_owned(),
    }
}
