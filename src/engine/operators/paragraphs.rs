//! `cut_repeated_paragraphs`.

use crate::docs::Docs;
use crate::operators::hold::{Extra, hold};
use crate::operators::join::duplicates;
use crate::operators::keyed::Keys;
use crate::replay::Part;
use crate::stored::Effect;
use arrangement::Rule;
use document::{Document, Paragraphs};
use serde::{Deserialize, Serialize};

/// The key of a paragraph. The buffer is scratch space.
type ParagraphKey = fn(&str, &mut Vec<u8>) -> u64;

/// Documents with more lines are rejected, which bounds the memory of a document besides its text to
/// 100 MiB: each line takes about 100 bytes in the join. As many lines as a page of 1 MiB can have;
/// Common Crawl cut pages at this size until 2025.
const LINES_MAX: usize = 1 << 20;

fn has_too_many_lines(document: &Document) -> bool {
    let text = document.text.as_bytes();
    // A shorter text cannot have as many lines, and need not be scanned.
    text.len() >= LINES_MAX && memchr::memchr_iter(b'\n', text).count() >= LINES_MAX
}

impl Docs<'_> {
    /// Cuts each line whose `key` is a duplicate under `rule`, and each line with the key of an
    /// earlier line in the same document. Then calls `after` with the numbers of the lines that stay.
    /// A document may come out empty.
    ///
    /// Follows cc_net `dedup.py`: a line is a paragraph, even if it is blank. The index does not
    /// count repeats within one document. A document with more than 1,048,576 lines is rejected
    /// first, as `too_many_lines`.
    ///
    /// State: an update for each distinct paragraph of each document, in `index`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use arrangement::Rule;
    /// # use document::Document;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["menu\na text", "menu\nanother text"].map(document);
    /// let documents = engine::funnel(documents, 2, |docs| {
    ///     let key = |line: &str, _: &mut Vec<u8>| line.bytes().map(u64::from).sum();
    ///     docs.cut_repeated_paragraphs("paragraphs", key, Rule::first_of_all(), |_, _| {})
    /// });
    /// let texts = documents.iter().map(|document| &document.text[..]);
    /// assert!(texts.eq(["menu\na text", "another text"]));
    /// ```
    pub fn cut_repeated_paragraphs(
        self,
        index: &str,
        key: ParagraphKey,
        rule: Rule,
        after: impl Fn(&mut Document, &[u32]) + 'static,
    ) -> Self {
        let mut scratch = Vec::new();
        let keys: Keys<u64, Lines> = Box::new(move |document, keys| {
            let lines = Lines::of(&document.text, |line| key(line, &mut scratch));
            keys.extend(lines.firsts.iter().map(|first| first.0));
            lines
        });
        let docs = self.reject("too_many_lines", has_too_many_lines);
        let (held, updates, worker) = docs.keyed(keys);
        let facts = duplicates(worker.clone(), index, updates, rule, &Effect::Cut);
        let mut kept = Vec::new();
        let cut = Box::new(move |document: &mut Document, lines: Lines, facts: &[(u64, u64)]| {
            if document.is_kept() {
                cut_lines(document, &lines, facts, &mut kept);
                after(document, &kept);
            }
        });
        let stream = hold("Cut repeated paragraphs", worker.clone(), held, facts, cut);
        Docs::new(stream, worker)
    }
}

/// The lines of a text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lines {
    count: u32,
    /// Each distinct key and the number of its first line, sorted by key.
    firsts: Vec<(u64, u32)>,
}

impl Extra for Lines {
    fn weight(&self) -> usize {
        self.firsts.capacity() * size_of::<(u64, u32)>()
    }

    fn parts(&self, text: &str) -> Vec<Part> {
        let mut starts = Vec::with_capacity(self.count as usize);
        let mut next = 0;
        for line in text.split('\n') {
            starts.push(next..next + line.len());
            next += line.len() + 1;
        }
        let mut parts: Vec<Part> = self
            .firsts
            .iter()
            .map(|(key, line)| Part {
                key: u128::from(*key),
                range: starts[*line as usize].clone(),
            })
            .collect();
        parts.sort_by_key(|part| part.range.start);
        parts
    }
}

impl Lines {
    fn of(text: &str, key: impl FnMut(&str) -> u64) -> Lines {
        let mut firsts: Vec<(u64, u32)> = text.split('\n').map(key).zip(0..).collect();
        let count = firsts.len() as u32;
        firsts.sort_unstable();
        firsts.dedup_by_key(|first| first.0);
        // The document may be held for a long time.
        firsts.shrink_to_fit();
        Lines { count, firsts }
    }
}

/// Cuts the lines of `document` whose key is in `facts`, which are sorted, and repeats within the
/// document. Writes the numbers of the lines that stay to `kept`.
fn cut_lines(document: &mut Document, lines: &Lines, facts: &[(u64, u64)], kept: &mut Vec<u32>) {
    kept.clear();
    let mut duplicates = facts.iter().map(|fact| fact.1).peekable();
    for &(key, line) in &lines.firsts {
        if duplicates.next_if_eq(&key).is_none() {
            kept.push(line);
        }
    }
    assert!(duplicates.next().is_none(), "every fact is about a line of the document");
    kept.sort_unstable();
    let cut = lines.count - kept.len() as u32;
    document.paragraphs = Paragraphs { read: lines.count, duplicate: cut };
    if cut == 0 {
        return;
    }
    let mut text = String::with_capacity(document.text.len());
    let mut stay = kept.iter().copied().peekable();
    for (number, line) in document.text.split('\n').enumerate() {
        if stay.next_if_eq(&(number as u32)).is_some() {
            if !text.is_empty() || kept[0] != number as u32 {
                text.push('\n');
            }
            text.push_str(line);
        }
    }
    document.text = text;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, keys: &[u64], duplicates: &[u64]) -> (String, Vec<u32>) {
        let mut document = Document { text: text.into(), ..Document::default() };
        let facts: Vec<_> = duplicates.iter().map(|key| (0, *key)).collect();
        let (mut kept, mut keys) = (Vec::new(), keys.iter());
        let lines = Lines::of(text, |_| *keys.next().unwrap());
        cut_lines(&mut document, &lines, &facts, &mut kept);
        (document.text, kept)
    }

    #[test]
    fn lines_are_too_many_beyond_the_limit() {
        for (line_ends, rest, expected) in
            [(LINES_MAX - 1, "xy", false), (LINES_MAX, "", true), (LINES_MAX - 1, "", false)]
        {
            let text = "\n".repeat(line_ends) + rest;
            let document = Document { text, ..Document::default() };
            assert_eq!(has_too_many_lines(&document), expected, "{line_ends} {rest}");
        }
    }

    #[test]
    fn the_first_of_a_documents_own_repeats_stays() {
        assert_eq!(cut("a\na\nb", &[9, 9, 3], &[]), ("a\nb".into(), vec![0, 2]));
    }

    #[test]
    fn a_duplicate_is_cut_with_all_its_repeats() {
        assert_eq!(cut("a\nb\na\nc", &[9, 3, 9, 1], &[1, 9]), ("b".into(), vec![1]));
        assert_eq!(cut("a", &[9], &[9]), (String::new(), vec![]));
    }

    #[test]
    fn a_blank_line_is_a_line_at_any_place() {
        assert_eq!(cut("\na\n\nb", &[0, 9, 0, 3], &[]), ("\na\nb".into(), vec![0, 1, 3]));
        assert_eq!(cut("\n\na", &[0, 0, 9], &[]), ("\na".into(), vec![0, 2]));
        assert_eq!(cut("b\n\na", &[3, 0, 9], &[3]), ("\na".into(), vec![1, 2]));
    }
}
