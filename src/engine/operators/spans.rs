//! `cut_repeated_spans`.

use crate::docs::Docs;
use crate::operators::hold::{Extra, hold};
use crate::operators::join::duplicates;
use crate::operators::keyed::Keys;
use crate::replay::Part;
use crate::stored::Effect;
use arrangement::Rule;
use document::Document;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A range of a text, and its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The key by which it is compared.
    pub key: u64,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl Extra for Vec<Span> {
    fn weight(&self) -> usize {
        self.capacity() * size_of::<Span>()
    }

    fn parts(&self, _text: &str) -> Vec<Part> {
        let part = |span: &Span| Part {
            key: u128::from(span.key),
            range: span.start as usize..span.end as usize,
        };
        self.iter().map(part).collect()
    }
}

impl Docs<'_> {
    /// Cuts each of the `spans` of a text whose key is a duplicate under `rule`, and each that has
    /// the key of an earlier span in the same document. Then calls `after`. A document may come out
    /// empty.
    ///
    /// Spans are in the order of their first bytes and may overlap: bytes in any cut span are
    /// removed. Spans are counted as paragraphs.
    ///
    /// State: an update for each distinct span of each document, in `index`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use arrangement::Rule;
    /// # use document::Document;
    /// # use engine::Span;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// // Every two letters are a span.
    /// let spans = |text: &str| {
    ///     let span = |(place, pair): (u32, &[u8])| Span {
    ///         key: u64::from(pair[0]) << 8 | u64::from(pair[1]),
    ///         start: place,
    ///         end: place + 2,
    ///     };
    ///     (0..).zip(text.as_bytes().windows(2)).map(span).collect()
    /// };
    /// let documents = ["abcd", "xbcy"].map(document);
    /// let documents = engine::funnel(documents, 2, move |docs| {
    ///     docs.cut_repeated_spans("pairs", spans, Rule::first_of_all(), |_| {})
    /// });
    /// assert!(documents.iter().map(|document| &document.text[..]).eq(["abcd", "xy"]));
    /// ```
    pub fn cut_repeated_spans(
        self,
        index: &str,
        spans: impl Fn(&str) -> Vec<Span> + 'static,
        rule: Rule,
        after: impl Fn(&mut Document) + 'static,
    ) -> Self {
        let keys: Keys<u64, Vec<Span>> = Box::new(move |document, keys| {
            let spans = spans(&document.text);
            keys.extend(spans.iter().map(|span| span.key));
            spans
        });
        let (held, updates, worker) = self.keyed(keys);
        let facts = duplicates(worker.clone(), index, updates, rule, &Effect::Cut);
        let cut =
            Box::new(move |document: &mut Document, spans: Vec<Span>, facts: &[(u64, u64)]| {
                if document.is_kept() {
                    cut_spans(document, &spans, facts);
                    after(document);
                }
            });
        let stream = hold("Cut repeated spans", worker.clone(), held, facts, cut);
        Docs::new(stream, worker)
    }
}

/// Cuts the `spans` of `document` whose key is in `facts`, which are sorted, and repeats within the
/// document.
fn cut_spans(document: &mut Document, spans: &[Span], facts: &[(u64, u64)]) {
    let mut seen = HashSet::with_capacity(spans.len());
    let is_repeat = |span: &&Span| {
        facts.binary_search_by_key(&span.key, |fact| fact.1).is_ok() || !seen.insert(span.key)
    };
    let mut text = String::with_capacity(document.text.len());
    let (mut done, mut cut) = (0, 0);
    for span in spans.iter().filter(is_repeat) {
        cut += 1;
        let start = span.start as usize;
        if start > done {
            text.push_str(&document.text[done..start]);
        }
        done = done.max(span.end as usize);
    }
    text.push_str(&document.text[done..]);
    document.text = text;
    document.paragraphs.read += spans.len() as u32;
    document.paragraphs.duplicate += cut;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts spans of three letters, each letter its own key.
    fn cut(text: &str, duplicates: &[&str]) -> (String, u32) {
        let key = |letters: &str| letters.bytes().fold(0, |key, b| key << 8 | u64::from(b));
        let spans: Vec<Span> = (0..text.len().saturating_sub(2))
            .map(|at| Span { key: key(&text[at..at + 3]), start: at as u32, end: at as u32 + 3 })
            .collect();
        let mut document = Document { text: text.into(), ..Document::default() };
        let mut facts: Vec<(u64, u64)> =
            duplicates.iter().map(|letters| (0, key(letters))).collect();
        facts.sort_unstable();
        cut_spans(&mut document, &spans, &facts);
        assert_eq!(document.paragraphs.read, spans.len() as u32);
        (document.text, document.paragraphs.duplicate)
    }

    #[test]
    fn bytes_of_repeated_spans_are_cut() {
        assert_eq!(cut("abcdefg", &[]), ("abcdefg".into(), 0));
        assert_eq!(cut("abcdefg", &["cde"]), ("abfg".into(), 1));
        assert_eq!(cut("abcdefg", &["bcd", "cde", "abc"]), ("fg".into(), 3));
        assert_eq!(cut("abc", &["abc"]), (String::new(), 1));
        assert_eq!(cut("ab", &[]), ("ab".into(), 0));
    }

    #[test]
    fn the_first_of_a_documents_own_repeats_stays() {
        assert_eq!(cut("abcxabcy", &[]), ("abcxy".into(), 1));
        assert_eq!(cut("abcxabcy", &["abc"]), ("xy".into(), 2));
    }
}
