//! What a signal is.

use crate::lists::Lists;
use crate::trained::Collection;
use crate::value::Value;
use crate::view::{Line, View};
use serde::{Serialize, Serializer};

/// A quality signal: one number for a document, or one for each of its lines.
pub struct Signal {
    /// Its name in RedPajama-V2, which is also its name in filter expressions.
    pub name: &'static str,
    /// What it says, in a line.
    pub about: &'static str,
    /// What it is made from.
    pub source: Source,
    pub(crate) of: Of,
}

/// What a signal is made from.
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
    /// The text, and a classifier of RedPajama-V2's own beside the one of Wikipedia's references.
    Palm,
    /// The text, and a classifier of Wikipedia against the web, for languages other than English.
    Wikipedia,
    /// The text, and counts of words of a collection and of the web.
    Importance(Collection),
    /// A fact that an earlier step or a model found ([`crate::Facts`]).
    Facts,
}

/// How a signal is computed.
pub(crate) enum Of {
    Document(fn(&mut View) -> Value),
    Lines(fn(&View, &Line) -> Value),
    /// As `Lines`; a text without lines has one absent value all the same.
    LinesOrAbsent(fn(&View, &Line) -> Value),
}

/// A value and the part of the text that it is about, in characters. Written as upstream does,
/// `[start, end, value]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Where the part begins.
    pub start: usize,
    /// Where it ends.
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
    /// The signal's value for the document. For a signal of lines that is the mean of its values:
    /// where these are 0 or 1, the share of lines.
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

    /// The signal's values with the parts of the text they are about: one for the whole of it, or
    /// one for each line. `spans` is overwritten.
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

    /// What has to be given for the signal to have values, if it is not there.
    pub fn missing(&self, lists: &Lists) -> Option<&'static str> {
        match self.source {
            Source::StopWords if !lists.has_stop_words() => {
                Some("a list of stop words: one a line, or the JSON file of stopwords-iso")
            }
            Source::BadWords if !lists.has_bad_words() => {
                Some("a list of bad words, one a line, such as LDNOOBW's")
            }
            Source::Domains if lists.domains().is_none() => {
                Some("the folder `blacklists` of UT1's archive")
            }
            Source::Palm if !lists.trained().has_palm() => {
                Some("the classifier palm.{lang}.ftz or .bin in the folder of the signals' models")
            }
            Source::Wikipedia if !lists.trained().has_wikipedia() => Some(
                "the classifier wikipedia.{lang}.ftz or .bin in the folder of the signals' models",
            ),
            Source::Importance(collection) if !lists.trained().has(collection) => Some(
                "counts of words in the folder of the signals' models: see `sluice train importance`",
            ),
            _ => None,
        }
    }
}
