//! The definition of a signal.

use crate::lists::Lists;
use crate::trained::Collection;
use crate::value::Value;
use crate::view::{Line, View};
use serde::{Serialize, Serializer};

/// A quality signal: one number per document, or one per line.
pub struct Signal {
    /// The name, in RedPajama-V2 and in filter expressions.
    pub name: &'static str,
    /// A description in one line.
    pub about: &'static str,
    /// The inputs that it is computed from.
    pub source: Source,
    pub(crate) of: Of,
}

/// The inputs that a signal is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The text alone.
    Text,
    /// The text, and the stop words of its language.
    StopWords,
    /// The text, and the bad words of its language.
    BadWords,
    /// The document's domain, and UT1's lists of domains.
    Domains,
    /// The text, and RedPajama-V2's own classifier of Wikipedia, books and OpenWebText.
    Palm,
    /// The text, and a classifier of Wikipedia against the web, for languages other than English.
    Wikipedia,
    /// The text, and word counts of a collection and of the web.
    Importance(Collection),
    /// A result of an earlier step or model ([`crate::Facts`]).
    Facts,
}

/// How a signal is computed.
pub(crate) enum Of {
    Document(fn(&mut View) -> Value),
    Lines(fn(&View, &Line) -> Value),
    /// Like `Lines`, but a text without lines has one absent value.
    LinesOrAbsent(fn(&View, &Line) -> Value),
}

/// A value and the part of the text that it describes, in characters. Serialized as upstream, as
/// `[start, end, value]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Begin of the part.
    pub start: usize,
    /// End of the part.
    pub end: usize,
    /// The value.
    pub value: Value,
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.start, self.end, self.value).serialize(serializer)
    }
}

impl Signal {
    /// Returns the signal's value for the document. For a signal of lines it is the mean of its
    /// values: for values of 0 and 1, the share of lines.
    pub fn value(&self, view: &mut View) -> Value {
        match self.of {
            Of::Document(of) => of(view),
            Of::Lines(of) | Of::LinesOrAbsent(of) => {
                let values = view.lines().iter().filter_map(|line| of(view, line).number());
                let (count, sum) =
                    values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
                if count == 0 { Value::Absent } else { Value::Real(sum / count as f64) }
            }
        }
    }

    /// Writes the signal's values with the parts of the text that they describe to `spans`: one for
    /// the whole text, or one per line.
    pub fn spans(&self, view: &mut View, spans: &mut Vec<Span>) {
        spans.clear();
        let end = view.chars();
        match self.of {
            Of::Document(of) => spans.push(Span { start: 0, end, value: of(view) }),
            Of::LinesOrAbsent(_) if view.lines().is_empty() => {
                spans.push(Span { start: 0, end, value: Value::Absent });
            }
            Of::Lines(of) | Of::LinesOrAbsent(of) => {
                spans.extend(view.lines().iter().map(|line| {
                    let (start, end) = (line.chars.start, line.chars.end);
                    Span { start, end, value: of(view, line) }
                }));
            }
        }
    }

    /// Returns the list or model without which the signal has no values, if it is missing.
    pub fn missing(&self, lists: &Lists) -> Option<&'static str> {
        match self.source {
            Source::StopWords if !lists.has_stop_words() => {
                Some("a list of stop words: one per line, or the JSON file of stopwords-iso")
            }
            Source::BadWords if !lists.has_bad_words() => {
                Some("a list of bad words, one per line, such as LDNOOBW's")
            }
            Source::Domains if lists.domains().is_none() => {
                Some("the folder `blacklists` of UT1's archive")
            }
            Source::Palm if !lists.trained().has_palm() => {
                Some("the classifier palm.{lang}.ftz or .bin in the folder of signal models")
            }
            Source::Wikipedia if !lists.trained().has_wikipedia() => {
                Some("the classifier wikipedia.{lang}.ftz or .bin in the folder of signal models")
            }
            Source::Importance(collection) if !lists.trained().has(collection) => {
                Some("word counts in the folder of signal models: see `sluice train importance`")
            }
            _ => None,
        }
    }
}
