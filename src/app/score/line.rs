//! Scoring one line: finding its text, and adding the scores at its end.

use super::read::{Item, Place};
use crate::texts::TextField;
use document::{Document, Scores};
use formats::{Field, Fields};
use models::tokenizer::TokenizerError;
use recipe::Models;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use signals::Facts;
use std::borrow::Cow;

/// The field that is added. It replaces a field of the same name.
const SCORES: &str = "scores";

/// A line with its scores, and their values for the summary.
pub(super) struct Scored {
    pub written: Written,
    /// The line had a field `scores`, which is replaced.
    pub had_scores: bool,
    pub text_bytes: u64,
    pub language: String,
    pub bucket: Option<String>,
    pub tokens: Option<u64>,
}

/// What is written of a line.
pub(super) enum Written {
    /// The line with its scores at the end.
    Line(String),
    Row(Box<Row>),
}

/// A row of Parquet.
pub(super) struct Row {
    /// With the text and the scores.
    pub document: Document,
    /// The other fields of the line, as JSON.
    pub fields: String,
}

/// Writes one score into a document.
type Step = Box<dyn FnMut(&mut Document)>;

/// The steps of a scoring thread.
pub(super) struct Scorer {
    steps: Vec<Step>,
    models: Models,
    text_field: TextField,
    /// Whether rows are written, and not lines.
    as_rows: bool,
}

impl Scorer {
    /// Makes the steps, in the order of the slice: signals may use the results of earlier steps.
    pub fn new(models: &Models, has_lm: bool, text_field: TextField, as_rows: bool) -> Scorer {
        let mut steps: Vec<Step> = vec![Box::new(models.language())];
        if has_lm {
            steps.push(Box::new(models.perplexity()));
        }
        steps.push(Box::new(models.quality()));
        steps.push(Box::new(models.signals(facts)));
        Scorer { steps, models: models.clone(), text_field, as_rows }
    }

    /// Returns the line with its scores, or what is wrong with it.
    pub fn score(&mut self, item: Item) -> Option<Result<Scored, String>> {
        match item {
            Item::Line(place, bytes) => Some(self.line(&place, &bytes)),
            Item::Malformed(what) | Item::Failed(what) => Some(Err(what)),
        }
    }

    fn line(&mut self, place: &Place, bytes: &[u8]) -> Result<Scored, String> {
        let json = formats::utf8(bytes).map_err(|what| place.message(what))?;
        let mut fields = formats::fields(json)
            .map_err(|error| place.message(format!("a JSON object is expected: {error}")))?;
        let text = self.text_field.text(&fields).map_err(|what| place.message(what))?;
        let document = self.document(text).map_err(|error| place.message(error))?;
        let before = fields.len();
        fields.retain(|(name, _)| name != SCORES);
        let had_scores = fields.len() < before;
        let text_bytes = document.bytes_read;
        let language = document.language.as_ref().map(|language| language.code.clone());
        let bucket = document.scores.bucket.clone().map(Cow::into_owned);
        let tokens = document.scores.tokens;
        let written = if self.as_rows {
            // The text has a column of its own.
            self.text_field.remove(&mut fields);
            let fields = serde_json::to_string(&Fields(&fields));
            fields.map(|fields| Written::Row(Box::new(Row { document, fields })))
        } else {
            let line = ScoredLine { fields: &fields, document: &document };
            serde_json::to_string(&line).map(Written::Line)
        };
        let written = written.map_err(|error| place.message(error))?;
        let language = language.unwrap_or_default();
        Ok(Scored { written, had_scores, text_bytes, language, bucket, tokens })
    }

    fn document(&mut self, text: String) -> Result<Document, TokenizerError> {
        let bytes_read = text.len() as u64;
        let mut document = Document { text, bytes_read, ..Document::default() };
        self.steps.iter_mut().for_each(|step| step(&mut document));
        document.scores.tokens = self.models.tokens_of(&document.text)?;
        Ok(document)
    }
}

/// Returns the results of earlier steps. Length and lines are those of the given text.
fn facts(document: &Document) -> Facts<'_> {
    Facts {
        language: document.language.as_ref().map(|language| language.code.as_str()),
        language_score: document.language.as_ref().map(|language| language.score),
        perplexity: document.scores.perplexity,
        bucket: document.scores.bucket.as_deref(),
        length: Some(document.chars() as u64),
        nlines: Some(document.text.split('\n').count() as u64),
        wikiref_score: document.scores.quality,
        ..Facts::default()
    }
}

struct ScoredLine<'a> {
    fields: &'a [Field],
    document: &'a Document,
}

impl Serialize for ScoredLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len() + 1))?;
        for (name, value) in self.fields {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(SCORES, &DocumentScores(self.document))?;
        map.end()
    }
}

/// The scores of a document, as the export of a corpus names them.
struct DocumentScores<'a>(&'a Document);

impl Serialize for DocumentScores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Scores { perplexity, bucket, quality, tokens, signals } = &self.0.scores;
        let mut map = serializer.serialize_map(None)?;
        if let Some(language) = &self.0.language {
            map.serialize_entry("language", &language.code)?;
            map.serialize_entry("language_score", &language.score)?;
        }
        if let Some(perplexity) = perplexity {
            map.serialize_entry("perplexity", perplexity)?;
        }
        if let Some(bucket) = bucket {
            map.serialize_entry("bucket", bucket)?;
        }
        if let Some(quality) = quality {
            map.serialize_entry("wiki_prob", quality)?;
        }
        if let Some(tokens) = tokens {
            map.serialize_entry("tokens", tokens)?;
        }
        if !signals.is_empty() {
            map.serialize_entry("signals", &Signals(signals))?;
        }
        map.end()
    }
}

struct Signals<'a>(&'a [(Cow<'static, str>, f64)]);

impl Serialize for Signals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_values_their_form() {
        let line = r#"{"b":1.0,"a":{"z": 1e400,"y":[]},"text":"\u00e9"}"#;
        let fields = formats::fields(line).unwrap();
        let document = Document::default();
        let written = serde_json::to_string(&ScoredLine { fields: &fields, document: &document });
        let expected = format!("{},\"scores\":{{}}}}", line.trim_end_matches('}'));
        assert_eq!(written.unwrap(), expected);
    }
}
