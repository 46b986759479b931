//! `cut_repeated_spans`.

use crate::docs::Docs;
use crate::operators::hold::{Extra, hold};
use crate::operators::join::duplicates;
use crate::operators::keyed::Keys;
use crate::replay::Part;
use crate::stored::Effect;
use arrangement::{Key, Rule};
use document::Document;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// A range of a text, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span<K> {
    /// The key by which it is compared.
    pub key: K,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

impl<K: Key + Serialize + DeserializeOwned> Extra for Vec<Span<K>> {
    fn weight(&self) -> usize {
        self.capacity() * size_of::<Span<K>>()
    }

    fn parts(&self, _text: &str) -> Vec<Part> {
        let part = |span: &Span<K>| Part { key: span.key.widened(), range: span.range.clone() };
        self.iter().map(part).collect()
    }
}

impl Docs<'_> {
    /// Cuts each of the `spans` of a text whose key is a duplicate under `rule`, and each that has
    /// the key of an earlier span in the same document. Then calls `after`. A document may come out
    /// empty.
    ///
    /// Spans are in the order of their first bytes and may overlap: bytes in any cut span are
    /// removed. Where two pieces of the text meet that were apart, `seam` is written between them,
    /// unless the first ends with it or the second begins with it. Spans are counted as paragraphs.
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
    ///     let span = |(place, pair): (usize, &[u8])| Span {
    ///         key: u64::from(pair[0]) << 8 | u64::from(pair[1]),
    ///         range: place..place + 2,
    ///     };
    ///     text.as_bytes().windows(2).enumerate().map(span).collect()
    /// };
    /// let documents = ["abcd", "xbcy"].map(document);
    /// let documents = engine::funnel(documents, 2, move |docs| {
    ///     docs.cut_repeated_spans("pairs", spans, Rule::first_of_all(), "/", |_| {})
    /// });
    /// assert!(documents.iter().map(|document| &document.text[..]).eq(["abcd", "x/y"]));
    /// ```
    pub fn cut_repeated_spans<K: Key + Serialize + DeserializeOwned>(
        self,
        index: &str,
        mut spans: impl FnMut(&str) -> Vec<Span<K>> + 'static,
        rule: Rule,
        seam: &'static str,
        after: impl Fn(&mut Document) + 'static,
    ) -> Self {
        let keys: Keys<K, Vec<Span<K>>> = Box::new(move |document, keys| {
            let spans = spans(&document.text);
            keys.extend(spans.iter().map(|span| span.key));
            spans
        });
        let (held, updates, worker) = self.keyed(keys);
        let facts = duplicates(worker.clone(), index, updates, rule, &Effect::Cut);
        type Facts<'f, K> = &'f [(u64, K)];
        let cut =
            Box::new(move |document: &mut Document, spans: Vec<Span<K>>, facts: Facts<'_, K>| {
                if document.is_kept() {
                    cut_spans(document, &spans, facts, seam);
                    after(document);
                }
            });
        let stream = hold("Cut repeated spans", worker.clone(), held, facts, cut);
        Docs::new(stream, worker)
    }
}

/// Cuts the `spans` of `document` whose key is in `facts`, which are sorted, and repeats within the
/// document. Pieces that were apart are joined by `seam`.
fn cut_spans<K: Key>(document: &mut Document, spans: &[Span<K>], facts: &[(u64, K)], seam: &str) {
    let mut seen = BTreeSet::new();
    let is_repeat = |span: &&Span<K>| {
        facts.binary_search_by_key(&span.key, |fact| fact.1).is_ok() || !seen.insert(span.key)
    };
    let mut text = String::with_capacity(document.text.len());
    let mut add = |piece: &str| {
        if !text.is_empty()
            && !piece.is_empty()
            && !text.ends_with(seam)
            && !piece.starts_with(seam)
        {
            text.push_str(seam);
        }
        text.push_str(piece);
    };
    let (mut done, mut cut) = (0, 0);
    for Span { range, .. } in spans.iter().filter(is_repeat) {
        cut += 1;
        if range.start > done {
            add(&document.text[done..range.start]);
        }
        done = done.max(range.end);
    }
    add(&document.text[done..]);
    document.text = text;
    document.paragraphs.read += spans.len() as u32;
    document.paragraphs.duplicate += cut;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts spans of three letters, each letter its own key.
    fn cut(text: &str, duplicates: &[&str]) -> (String, u32) {
        joined(text, duplicates, "")
    }

    fn joined(text: &str, duplicates: &[&str], seam: &str) -> (String, u32) {
        let key = |letters: &str| letters.bytes().fold(0, |key, b| key << 8 | u64::from(b));
        let spans: Vec<Span<u64>> = (0..text.len().saturating_sub(2))
            .map(|at| Span { key: key(&text[at..at + 3]), range: at..at + 3 })
            .collect();
        let mut document = Document { text: text.into(), ..Document::default() };
        let mut facts: Vec<(u64, u64)> =
            duplicates.iter().map(|letters| (0, key(letters))).collect();
        facts.sort_unstable();
        cut_spans(&mut document, &spans, &facts, seam);
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
    #[test]
    fn pieces_that_were_apart_are_joined_by_the_seam_once() {
        let joined = |text, duplicates: &[&str]| joined(text, duplicates, "\n").0;
        assert_eq!(joined("abcdefg", &["cde"]), "ab\nfg");
        assert_eq!(joined("abcdefghi", &["bcd", "fgh"]), "a\ne\ni");
        assert_eq!(joined("abcdefg", &["abc", "efg"]), "d");
        assert_eq!(joined("ab\ncdefg", &["cde"]), "ab\nfg");
        assert_eq!(joined("abcde\nfg", &["cde"]), "ab\nfg");
        assert_eq!(joined("abcdefg", &["bcd", "cde", "def"]), "a\ng");
        assert_eq!(joined("abcdefg", &[]), "abcdefg");
    }
}
