//! What decontamination makes of a document: its row, and its line.

use crate::error::Error;
use crate::ledger::LedgerRow;
use crate::segment::line_end;
use document::{CONTAMINATED, Contamination, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// What a document has of evaluations, as the column `contamination` of the ledger says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matches {
    /// The sets of which it has an n-gram, by name.
    pub sets: Vec<MatchedSet>,
    /// What was cut out of its text, in bytes of the text before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<(u64, u64)>,
}

/// What a document has of an evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedSet {
    /// The name of the set.
    pub set: String,
    /// Where the first n-gram comes from that the document has: the line or row of the set.
    pub line: u64,
    /// Its field; empty in plain text.
    pub field: String,
    /// The n-gram, as it is compared: in lower case and without punctuation.
    pub ngram: String,
    /// At how many words of the document an n-gram of the set begins.
    pub places: u64,
}

impl Matches {
    /// Returns it as the ledger has it.
    pub fn record(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Bytes that were cut out of the text.
    pub fn bytes_cut(&self) -> u64 {
        self.cut.iter().map(|(start, end)| end - start).sum()
    }
}

impl MatchedSet {
    /// Says where what comes from.
    ///
    /// ```
    /// let matched = corpus::MatchedSet {
    ///     set: "riddles.jsonl".into(),
    ///     line: 7,
    ///     field: "question".into(),
    ///     ngram: "what has keys but cant".into(),
    ///     places: 3,
    /// };
    /// let expected = "riddles.jsonl, line 7, question: \"what has keys but cant\", and 2 more places";
    /// assert_eq!(matched.describe(), expected);
    /// ```
    pub fn describe(&self) -> String {
        let MatchedSet { set, line, field, ngram, places } = self;
        let field = if field.is_empty() { String::new() } else { format!(", {field}") };
        let more = match places.saturating_sub(1) {
            0 => String::new(),
            1 => ", and 1 more place".to_owned(),
            more => format!(", and {more} more places"),
        };
        format!("{set}, line {line}{field}: {ngram:?}{more}")
    }
}

/// Sums over documents that have something of evaluations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContaminationCounts {
    /// Such documents, dropped, flagged or cut.
    pub documents: u64,
    /// Such documents by set. A document may be of several.
    pub sets: BTreeMap<String, u64>,
    /// Bytes cut out of the texts of documents that are kept.
    pub bytes_cut: u64,
}

impl ContaminationCounts {
    pub(crate) fn count(&mut self, matches: &Matches) {
        self.documents += 1;
        self.bytes_cut += matches.bytes_cut();
        for matched in &matches.sets {
            *self.sets.entry(matched.set.clone()).or_default() += 1;
        }
    }

    /// Adds the sums of other documents.
    pub fn add(&mut self, other: &ContaminationCounts) {
        self.documents += other.documents;
        self.bytes_cut += other.bytes_cut;
        for (set, count) in &other.sets {
            *self.sets.entry(set.clone()).or_default() += count;
        }
    }
}

impl ContaminationCounts {
    pub(crate) fn subtract(&mut self, other: &ContaminationCounts) {
        self.documents -= other.documents;
        self.bytes_cut -= other.bytes_cut;
        for (set, taken) in &other.sets {
            if let Some(count) = self.sets.get_mut(set) {
                *count -= taken;
            }
        }
        self.sets.retain(|_, count| *count > 0);
    }
}

impl LedgerRow {
    /// What the document has of evaluations.
    pub fn matches(&self) -> Option<Matches> {
        serde_json::from_str(self.contamination.as_deref()?).ok()
    }
}

/// Returns the row of a contaminated document whose row was `built` before.
pub(crate) fn contaminated_row(built: &LedgerRow, contamination: &Contamination) -> LedgerRow {
    let mut row = built.clone();
    row.contamination = Some(contamination.record.clone());
    match &contamination.outcome {
        Outcome::Dropped => {
            row.reason = Some(CONTAMINATED.into());
            row.bytes_kept = 0;
        }
        Outcome::Flagged => {}
        Outcome::Cut { text, tokens } => {
            row.bytes_kept = text.len() as u64;
            row.scores.tokens = *tokens;
        }
    }
    row
}

/// The parts of a line.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    text: Cow<'l, str>,
    #[serde(borrow)]
    meta: &'l RawValue,
}

/// Returns the text of a line.
pub(crate) fn text_of(line: &[u8]) -> Result<Cow<'_, str>, serde_json::Error> {
    serde_json::from_slice(line).map(|Line { text, .. }| text)
}

/// Returns the line of a contaminated document whose row and line were these before; `None` if it is
/// dropped.
///
/// # Errors
/// If the line is not that of the row.
pub(crate) fn contaminated_line(
    line: &[u8],
    built: &LedgerRow,
    contamination: &Contamination,
) -> Result<Option<Vec<u8>>, Error> {
    let other = |what: &str| {
        Error::corrupt(Path::new(&built.id), format!("{what}; `sluice verify` finds the file"))
    };
    let end = line_end(&built.id);
    let Some(begin) = line.strip_suffix(&end[..]) else {
        return Err(other("the line of another document is in the place of its line"));
    };
    match &contamination.outcome {
        Outcome::Dropped => Ok(None),
        Outcome::Flagged => {
            let field = format!("\"contamination\":{},", contamination.record);
            Ok(Some([begin, field.as_bytes(), &end].concat()))
        }
        Outcome::Cut { text, tokens } => {
            let Line { meta, .. } = serde_json::from_slice(line)
                .map_err(|error| other(&format!("its line is not a record: {error}")))?;
            let meta = with_tokens(meta.get(), &built.id, built.scores.tokens, *tokens)
                .ok_or_else(|| other("its line has another number of tokens than the ledger"))?;
            let text = serde_json::to_string(text).expect("a string can be written");
            Ok(Some(format!("{{\"text\":{text},\"meta\":{meta}}}\n").into_bytes()))
        }
    }
}

/// Replaces the number of tokens, the last field before the id (see the sink of the engine), in
/// published fields.
fn with_tokens<'m>(
    meta: &'m str,
    id: &str,
    before: Option<u64>,
    after: Option<u64>,
) -> Option<Cow<'m, str>> {
    let Some(before) = before else { return Some(Cow::Borrowed(meta)) };
    let id = serde_json::to_string(id).expect("a string can be written");
    let end = format!("\"id\":{id}}}");
    let begin = meta.strip_suffix(&end)?.strip_suffix(&format!("\"tokens\":{before},"))?;
    let tokens = after.map_or(String::new(), |after| format!("\"tokens\":{after},"));
    Some(format!("{begin}{tokens}{end}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment;
    use document::Document;

    #[test]
    fn a_line_gets_another_text_and_number_of_tokens_and_keeps_the_rest() {
        let id = "s/l/a\"b#1";
        let mut document = Document { text: "a \"text\"\n\u{1}".into(), ..Document::default() };
        document.meta.set("url", "http://a.example/?\"tokens\":7");
        document.meta.set("tokens", 7_usize);
        document.scores.tokens = Some(7);
        let line = segment::line(&document, id);
        assert_eq!(text_of(&line).unwrap(), document.text);
        let row = LedgerRow::new(&document, id.into(), "a", None);
        let of = |outcome| {
            let contamination = Contamination { record: "{\"sets\":[]}".into(), outcome };
            let line = contaminated_line(&line, &row, &contamination).unwrap();
            line.map(|line| String::from_utf8(line).unwrap())
        };
        assert_eq!(of(Outcome::Dropped), None);
        let built = String::from_utf8(line.clone()).unwrap();
        let expected = built.replace("\"id\":", "\"contamination\":{\"sets\":[]},\"id\":");
        assert_eq!(of(Outcome::Flagged).unwrap(), expected);
        let (mut cut, text) = (document.clone(), "a \u{1f600}".to_owned());
        cut.text.clone_from(&text);
        cut.meta.set("tokens", 2_usize);
        let expected = String::from_utf8(segment::line(&cut, id)).unwrap();
        assert_eq!(of(Outcome::Cut { text, tokens: Some(2) }).unwrap(), expected);

        let other = LedgerRow { scores: document::Scores::default(), ..row.clone() };
        let other = LedgerRow { id: "s/l/c#1".into(), ..other };
        let contamination = Contamination { record: String::new(), outcome: Outcome::Flagged };
        let error = contaminated_line(&line, &other, &contamination).unwrap_err().to_string();
        assert!(error.contains("s/l/c#1: the line of another document"), "{error}");
    }
}
