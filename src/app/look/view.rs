//! What is known of one record.

use super::Explained;
use super::source::Again;
use anyhow::{Context, Result};
use corpus::{LedgerRow, Matches};
use document::{CONTAMINATED, Document, Value as Measured};
use recipe::{Bound, Comparison};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// A record: its text, its fields, and why it was kept or dropped.
#[derive(Serialize)]
pub(crate) struct View {
    /// `slice/label/source#record`.
    pub id: String,
    /// `kept` or `dropped`.
    pub verdict: &'static str,
    /// Why it was dropped.
    pub reason: Option<String>,
    /// The text kept, also aside, or the text of a dropped document as it was read. `None` if it is
    /// not known.
    pub text: Option<String>,
    /// What the text is: `kept`, `kept aside`, or `as read`.
    pub text_is: Option<&'static str>,
    /// The fields that are published, or those that the reader set.
    pub meta: Option<Box<RawValue>>,
    /// What was compared with the settings, in order; of a dropped document up to what decided.
    pub thresholds: Vec<Threshold>,
    /// What it has of evaluations.
    pub contamination: Option<Matches>,
    /// The row of the ledger.
    pub ledger: Ledger,
    /// What the reader found wrong with the record.
    pub defects: Vec<String>,
    /// Remarks, such as why the text is not known.
    pub notes: Vec<String>,
}

/// A value and the setting that it was compared with.
#[derive(Serialize)]
pub(crate) struct Threshold {
    /// The reason with which documents that fail are dropped.
    pub reason: &'static str,
    /// The name of the value.
    pub name: &'static str,
    /// The value; `None` if it is not known.
    pub value: Option<Value>,
    /// How it was compared: `<`, `not in`.
    pub sign: &'static str,
    /// The key in the recipe.
    pub setting: &'static str,
    /// Its value.
    pub limit: Value,
    /// Whether the document passed.
    pub passes: bool,
}

/// The row of the ledger, with the names of its columns.
#[derive(Serialize)]
pub(crate) struct Ledger {
    pub url: String,
    pub source: String,
    pub record: u64,
    pub offset: u64,
    pub digest: String,
    pub bytes_read: u64,
    pub bytes_kept: u64,
    pub paragraphs_read: u32,
    pub paragraphs_duplicate: u32,
    pub language: Option<String>,
    pub language_score: Option<f64>,
    pub perplexity: Option<f64>,
    pub bucket: Option<String>,
    pub quality: Option<f64>,
    pub tokens: Option<u64>,
    pub signals: Option<Box<RawValue>>,
    pub witness: Option<String>,
    pub similarity: Option<f64>,
}

impl Ledger {
    fn of(row: &LedgerRow) -> Ledger {
        let signals = row.signals.clone().map(RawValue::from_string);
        Ledger {
            url: row.url.clone(),
            source: row.source.clone(),
            record: row.at.record(),
            offset: row.offset,
            digest: format!("{:032x}", row.digest),
            bytes_read: row.bytes_read,
            bytes_kept: row.bytes_kept,
            paragraphs_read: row.paragraphs.read,
            paragraphs_duplicate: row.paragraphs.duplicate,
            language: row.language.as_ref().map(|language| language.code.clone()),
            language_score: row.language.as_ref().map(|language| language.score),
            perplexity: row.scores.perplexity,
            bucket: row.scores.bucket.as_ref().map(ToString::to_string),
            quality: row.scores.quality,
            tokens: row.scores.tokens,
            // A value that is not a number is not JSON.
            signals: signals.and_then(Result::ok),
            witness: row.witness.clone(),
            similarity: row.similarity,
        }
    }
}

#[derive(Deserialize)]
struct Line {
    text: String,
    meta: Box<RawValue>,
}

/// What is known of a kept document: `line` is its line in a segment.
pub(super) fn of_kept(explained: Explained<'_>, row: &LedgerRow, line: &[u8]) -> Result<View> {
    of_line(explained, row, line, "kept")
}

/// What is known of a document that decontamination or a later threshold dropped: `line` is its line in a segment kept
/// aside.
pub(super) fn of_aside(explained: Explained<'_>, row: &LedgerRow, line: &[u8]) -> Result<View> {
    let mut view = of_line(explained, row, line, "kept aside")?;
    view.notes.push(match row.reason.as_deref() {
        Some(CONTAMINATED) => "it is dropped for what it has of evaluations".into(),
        _ => "it was kept by the build, and dropped by calibrate".into(),
    });
    Ok(view)
}

fn of_line(
    explained: Explained<'_>,
    row: &LedgerRow,
    line: &[u8],
    text_is: &'static str,
) -> Result<View> {
    let Line { text, meta } =
        serde_json::from_slice(line).with_context(|| format!("{}: its line", row.id))?;
    let mut view = of_row(explained, row, None);
    (view.text, view.text_is, view.meta) = (Some(text), Some(text_is), Some(meta));
    if row.paragraphs.duplicate > 0 {
        let (cut, all) = (row.paragraphs.duplicate, row.paragraphs.read);
        view.notes.push(format!("{cut} of its {all} paragraphs were cut as repeats"));
    }
    let bytes = view.contamination.as_ref().map_or(0, Matches::bytes_cut);
    if bytes > 0 {
        view.notes.push(format!("{bytes} bytes were cut out of it for what it has of evaluations"));
    }
    Ok(view)
}

/// What is known of a record that was read again: one that was dropped, or a kept one as it was read.
pub(crate) fn of_again(explained: Explained<'_>, row: &LedgerRow, again: Again) -> Result<View> {
    match again {
        Again::Lost(why) => {
            let mut view = of_row(explained, row, None);
            view.notes.push(format!("its text is not known: {why}"));
            Ok(view)
        }
        Again::Read(mut document, defects) => {
            let meta = to_raw_value(&document.meta.json_with("id", &row.id))?;
            let mut view = of_row(explained, row, Some(&document));
            (view.meta, view.defects) = (Some(meta), defects);
            if !document.is_kept() {
                let what = "the reader rejected this record before it made a text of it";
                view.notes.push(what.into());
                return Ok(view);
            }
            view.text = Some(std::mem::take(&mut document.text));
            view.text_is = Some("as read");
            if row.paragraphs.duplicate > 0 {
                let (cut, all) = (row.paragraphs.duplicate, row.paragraphs.read);
                view.notes.push(match all - cut {
                    _ if row.reason.is_none() => {
                        format!("{cut} of its {all} paragraphs were cut as repeats")
                    }
                    0 => format!("all of its {all} paragraphs are repeats"),
                    _ => format!("{cut} of its {all} paragraphs are repeats, and were cut before it was judged"),
                });
            }
            Ok(view)
        }
    }
}

/// What the ledger knows of a record, and `read` if it was read again.
fn of_row(explained: Explained<'_>, row: &LedgerRow, read: Option<&Document>) -> View {
    let reason = row.reason.as_ref().map(ToString::to_string);
    let is_copy = |reason: &&String| DEDUP_REASONS.contains(&reason.as_str());
    let notes = reason.iter().filter(is_copy).filter_map(|_| dedup(explained));
    View {
        notes: notes.collect(),
        id: row.id.clone(),
        verdict: if reason.is_none() { "kept" } else { "dropped" },
        thresholds: thresholds(explained, row, read),
        contamination: row.matches(),
        reason,
        text: None,
        text_is: None,
        meta: None,
        ledger: Ledger::of(row),
        defects: Vec::new(),
    }
}

/// The reasons of the steps that the setting `dedup` chooses.
pub(crate) const DEDUP_REASONS: [&str; 6] = [
    "duplicate",
    "duplicate_lines",
    "duplicate_paragraphs",
    "duplicate_passages",
    "duplicate_text",
    "near_duplicate",
];

/// Says which copies the recipe drops, if it has such a setting.
fn dedup(Explained { slice, settings }: Explained<'_>) -> Option<String> {
    let key = slice.keys().iter().find(|key| key.name == "dedup")?;
    let value = settings.value(key.name).print();
    // Without a method, another step of the slice compared it.
    let setting = if value == "\"none\"" { "" } else { &format!(" (dedup = {value})") };
    Some(format!("it repeats what was read before it{setting}"))
}

/// Returns what decided, and what is known of the comparisons before it.
fn thresholds(
    explained: Explained<'_>,
    row: &LedgerRow,
    read: Option<&Document>,
) -> Vec<Threshold> {
    let Explained { slice, settings } = explained;
    let all = slice.comparisons(settings);
    let decided = all.iter().position(|one| row.reason.as_deref() == Some(one.reason));
    let mut seen = read.cloned().unwrap_or_default();
    (seen.language, seen.scores) = (row.language.clone(), row.scores.clone());
    // Of a dropped document without a comparison that decided it is not known which others it reached:
    // only those that left a value in the ledger.
    let is_read = read.is_some() && (decided.is_some() || row.reason.is_none());
    let made = decided.map_or(all.len(), |place| place + 1);
    let threshold = |(place, one): (usize, &Comparison)| {
        let is_decisive = decided == Some(place);
        let value = one.value(&seen, is_read).map(json);
        (is_decisive || value.is_some()).then(|| Threshold {
            reason: one.reason,
            name: one.name,
            value,
            sign: one.bound.sign(!is_decisive),
            setting: one.setting,
            limit: limit(&settings.value(one.setting).print()),
            passes: !is_decisive,
        })
    };
    let made = all[..made].iter().enumerate();
    let is_limit = |one: &Comparison| {
        one.bound != Bound::In || limit(&settings.value(one.setting).print()) != json!([])
    };
    made.filter(|(_, one)| is_limit(one)).filter_map(threshold).collect()
}

fn json(value: Measured) -> Value {
    match value {
        Measured::Text(text) => text.into(),
        Measured::Int(number) => number.into(),
        Measured::Float(number) => number.into(),
        Measured::Ints(list) => list.into(),
        Measured::Json(json) => serde_json::from_str(&json).unwrap_or(Value::String(json)),
    }
}

/// Converts a setting, as a recipe prints it, to JSON.
fn limit(printed: &str) -> Value {
    let parsed = format!("value = {printed}").parse::<toml::Table>().ok();
    let value = parsed.and_then(|mut table| table.remove("value"));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_else(|| printed.into())
}
