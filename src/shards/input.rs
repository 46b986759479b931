//! The documents that are exported, as the corpus has them.

use crate::record::Answers;
use crate::{Encoder, Error};
use corpus::export::{Fields, Line, lines};
use corpus::{Corpus, File, Label};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Documents between two reports of progress.
const REPORT_DOCUMENTS: u64 = 256;

/// Texts without tokens that are named one by one. All are counted.
const LEFT_OUT_NAMED_MAX: u64 = 20;

/// A label, and how often it is read.
pub(crate) struct Input<'a> {
    pub label: &'a Label,
    /// Its segments in their order, each with the number of its first document.
    pub segments: Vec<(&'a File, u64)>,
    /// 1 unless a mixture says otherwise.
    pub epochs: f64,
    /// Whether its documents have the places of their answers.
    pub is_answered: bool,
}

/// The field with the places of the answers in a text, in bytes.
const ANSWERS: &str = "answers";

impl<'a> Input<'a> {
    pub fn new(corpus: &Corpus, label: &'a Label, is_answered: bool) -> Result<Input<'a>, Error> {
        let mut number = 0;
        let segments = corpus::export::in_order(corpus.root(), label)?;
        let numbered = segments.into_iter().map(|file| {
            let first = number;
            number += file.records;
            (file, first)
        });
        Ok(Input { label, segments: numbered.collect(), epochs: 1.0, is_answered })
    }

    /// Whether nothing of the label is exported.
    pub fn is_left_out(&self) -> bool {
        self.epochs <= 0.0
    }
}

/// The inputs, and what reading them needs.
pub(crate) struct Source<'a> {
    pub corpus: &'a Corpus,
    pub inputs: Vec<Input<'a>>,
    pub encoder: &'a Encoder,
    /// Whether the documents have their number of tokens by this tokenizer.
    pub is_counted: bool,
    pub workers: usize,
}

/// A document.
pub(crate) struct Document<'d> {
    /// Its number in its label.
    pub number: u64,
    pub id: String,
    /// Its line, as it is stored.
    pub bytes: &'d [u8],
    line: &'d Line<'d>,
    fields: &'d Fields<'d>,
}

impl Document<'_> {
    fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::from_str(self.line.text())
    }

    /// The places of the answers in its text.
    fn answers(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let answers: Vec<[usize; 2]> = serde_json::from_str(self.fields.get(ANSWERS)?).ok()?;
        let places = answers.into_iter().map(|[begin, end]| begin..end);
        let mut before = 0;
        let is_place = |place: &Range<usize>| {
            let follows = before <= place.start;
            before = place.end;
            follows && text.get(place.clone()).is_some()
        };
        let places: Vec<Range<usize>> = places.collect();
        places.iter().all(is_place).then_some(places)
    }
}

impl<'a> Source<'a> {
    /// Returns all segments: number of the label, number of the segment, and size.
    pub fn segments(&self) -> Vec<(usize, usize, u64)> {
        let of_label = |(at, input): (usize, &Input<'_>)| {
            let sizes: Vec<u64> = input.segments.iter().map(|(file, _)| file.bytes).collect();
            sizes.into_iter().enumerate().map(move |(segment, bytes)| (at, segment, bytes))
        };
        self.inputs.iter().enumerate().flat_map(of_label).collect()
    }

    /// Calls `each` with the documents of a segment, in order, and `read` with bytes of the segment as
    /// they are read.
    pub fn documents(
        &self,
        (label, segment): (usize, usize),
        read: impl Fn(u64),
        mut each: impl FnMut(&Document<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (file, first) = self.inputs[label].segments[segment];
        let (mut count, mut reported) = (0, 0);
        lines(self.corpus, file, |bytes, line, fields| {
            let id = fields.string("id").ok_or_else(|| {
                let what = format!("document {} has no id; rebuild the corpus", count + 1);
                Error::corrupt(&self.corpus.root().join(&file.path), what)
            })?;
            each(&Document { number: first + count, id, bytes, line, fields })?;
            count += 1;
            if count.is_multiple_of(REPORT_DOCUMENTS) {
                // The share of the documents stands for the share of the bytes.
                let done = (count as f64 / file.records as f64 * file.bytes as f64) as u64;
                read(done.saturating_sub(reported));
                reported = reported.max(done);
            }
            Ok::<bool, Error>(true)
        })?;
        read(file.bytes.saturating_sub(reported));
        Ok(())
    }

    /// Appends the tokens of a document. Returns their number; 0 if it has none or cannot be encoded,
    /// which is counted in `left_out`.
    pub fn encode(
        &self,
        document: &Document<'_>,
        left_out: &LeftOut,
        into: &mut Vec<u8>,
    ) -> Result<u64, Error> {
        let text = document.text().map_err(|error| {
            let what = format!("the text of {} is not a string: {error}", document.id);
            Error::corrupt(self.corpus.root(), what)
        })?;
        match self.encoder.encode(&text, into) {
            Ok(0) => left_out.add(&document.id, &"its text has no tokens"),
            Ok(count) => return Ok(count),
            Err(error) => left_out.add(&document.id, &error),
        }
        Ok(0)
    }

    /// Returns the tokens of a document that are of its answers; `None` if it has no places of answers.
    pub fn answered(
        &self,
        label: usize,
        document: &Document<'_>,
    ) -> Result<Option<Answers>, Error> {
        if !self.inputs[label].is_answered {
            return Ok(None);
        }
        let text = document.text().ok();
        let places = text.and_then(|text| Some((document.answers(&text)?, text)));
        let (answers, text) = places.ok_or_else(|| {
            let what =
                format!("{} has no places of answers in its text: rebuild the corpus", document.id);
            Error::corrupt(self.corpus.root(), what)
        })?;
        let tokens = self.encoder.answered(&text, &answers)?;
        Ok(Some(tokens.into_iter().map(|range| (range.start, range.end)).collect()))
    }

    /// Returns the number of tokens of a document, with those around it.
    pub fn count(&self, document: &Document<'_>, scratch: &mut Vec<u8>) -> Result<u64, Error> {
        if self.is_counted {
            let known =
                document.fields.integer("tokens").and_then(|count| u64::try_from(count).ok());
            return Ok(known
                .filter(|count| *count > 0)
                .map_or(0, |count| count + self.encoder.marks()));
        }
        scratch.clear();
        self.encode(document, &LeftOut::silent(), scratch)
    }
}

/// Counts documents that have no tokens, and names the first of them.
pub(crate) struct LeftOut {
    count: AtomicU64,
    is_silent: bool,
}

impl LeftOut {
    pub fn new() -> LeftOut {
        LeftOut { count: AtomicU64::new(0), is_silent: false }
    }

    /// For a pass that is not the last one.
    fn silent() -> LeftOut {
        LeftOut { count: AtomicU64::new(0), is_silent: true }
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, id: &str, why: &dyn std::fmt::Display) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_silent || before >= LEFT_OUT_NAMED_MAX {
            return;
        }
        let more = if before + 1 == LEFT_OUT_NAMED_MAX { "; more are only counted" } else { "" };
        tracing::warn!("{id} is left out: {why}{more}");
    }
}
