//! `cut_repeated_paragraphs` and `cut_repeated_lines`.

use crate::docs::Docs;
use crate::operators::hold::{Extra, hold};
use crate::operators::join::duplicates;
use crate::operators::keyed::Keys;
use crate::replay::Part;
use crate::stored::Effect;
use arrangement::{Key, Rule};
use document::{Document, lines};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The key of a paragraph. The buffer is scratch space.
type ParagraphKey = fn(&str, &mut Vec<u8>) -> u64;

/// The key of a line; `None` if it is not compared.
type LineKey = fn(&str) -> Option<u128>;

type AnyKey<K> = Box<dyn FnMut(&str) -> Option<K>>;

/// Is called with the numbers of the lines that stay.
type After = Box<dyn Fn(&mut Document, &[u32])>;

/// What becomes of lines that were seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// They are cut.
    Cut,
    /// They are counted, as the signals `lines` and `repeated_lines`.
    Count,
}

/// Documents with more lines are rejected, which bounds the memory of a document besides its text to
/// 150 MiB: each line takes about 100 bytes in the join, or 150 with 128-bit keys. As many lines as a page of 1 MiB can have;
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
    /// # use document::{Document, lines};
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
        let key = Box::new(move |line: &str| Some(key(line, &mut scratch)));
        self.repeated_lines(index, key, rule, Repeated::Cut, Box::new(after))
    }

    /// Cuts or counts each line whose `key` is a duplicate under `rule`, and each line with the key of an
    /// earlier line in the same document. Then, if it cuts, calls `after` with the numbers of the lines
    /// that stay. A document may come out empty.
    ///
    /// Lines without a key are not compared. They separate others: of those around and between lines
    /// that are cut, only the first stays, and none at the beginning or the end of the text. A document
    /// with more than 1,048,576 lines is rejected first, as `too_many_lines`.
    ///
    /// State: an update for each distinct line of each document, in `index`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use arrangement::Rule;
    /// # use document::{Document, lines};
    /// # use engine::Repeated;
    /// # let document = |text: &str| Document { text: text.into(), ..Document::default() };
    /// let documents = ["menu\n\na text", "another text\n\nmenu\n\nan end"].map(document);
    /// let documents = engine::funnel(documents, 2, |docs| {
    ///     let key = |line: &str| Some(line.bytes().map(u128::from).sum()).filter(|sum| *sum > 0);
    ///     docs.cut_repeated_lines("lines", key, Rule::first_of_all(), Repeated::Cut, |_, _| {})
    /// });
    /// let texts = documents.iter().map(|document| &document.text[..]);
    /// assert!(texts.eq(["menu\n\na text", "another text\n\nan end"]));
    /// ```
    pub fn cut_repeated_lines(
        self,
        index: &str,
        key: LineKey,
        rule: Rule,
        repeated: Repeated,
        after: impl Fn(&mut Document, &[u32]) + 'static,
    ) -> Self {
        self.repeated_lines(index, Box::new(key), rule, repeated, Box::new(after))
    }

    fn repeated_lines<K: Key + Serialize + DeserializeOwned>(
        self,
        index: &str,
        mut key: AnyKey<K>,
        rule: Rule,
        repeated: Repeated,
        after: After,
    ) -> Self {
        let keys: Keys<K, Lines<K>> = Box::new(move |document, keys| {
            let lines = Lines::of(&document.text, &mut key);
            keys.extend(lines.firsts.iter().map(|first| first.0));
            lines
        });
        let docs = self.reject("too_many_lines", has_too_many_lines);
        let (held, updates, worker) = docs.keyed(keys);
        let effect = match repeated {
            Repeated::Cut => Effect::Cut,
            Repeated::Count => Effect::Count,
        };
        let facts = duplicates(worker.clone(), index, updates, rule, &effect);
        let mut kept = Vec::new();
        let apply =
            Box::new(move |document: &mut Document, lines: Lines<K>, facts: &[(u64, K)]| {
                if !document.is_kept() {
                    return;
                }
                lines.not_repeated(facts, &mut kept);
                let cut = lines.compared() - kept.len() as u32;
                match repeated {
                    Repeated::Cut => {
                        document.paragraphs.read += lines.compared();
                        document.paragraphs.duplicate += cut;
                        if cut > 0 {
                            lines.add_separators(&mut kept);
                            document.text = text_of(&document.text, &kept);
                        } else {
                            kept.clear();
                            kept.extend(0..lines.count);
                        }
                        after(document, &kept);
                    }
                    Repeated::Count => {
                        let counts = [("lines", lines.compared()), ("repeated_lines", cut)];
                        let counts = counts.map(|(name, count)| (name.into(), f64::from(count)));
                        document.scores.signals.extend(counts);
                    }
                }
            });
        let stream = hold("Cut repeated lines", worker.clone(), held, facts, apply);
        Docs::new(stream, worker)
    }
}

/// The lines of a text.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lines<K> {
    count: u32,
    /// Each distinct key and the number of its first line, sorted by key.
    firsts: Vec<(K, u32)>,
    /// The numbers of the lines without a key.
    separators: Vec<u32>,
}

// Not derived: no key is needed for no lines.
impl<K> Default for Lines<K> {
    fn default() -> Self {
        Lines { count: 0, firsts: Vec::new(), separators: Vec::new() }
    }
}

impl<K: Key + Serialize + DeserializeOwned> Extra for Lines<K> {
    fn weight(&self) -> usize {
        self.firsts.capacity() * size_of::<(K, u32)>()
            + self.separators.capacity() * size_of::<u32>()
    }

    fn parts(&self, text: &str) -> Vec<Part> {
        let mut starts = Vec::with_capacity(self.count as usize);
        let mut next = 0;
        for line in lines(text) {
            starts.push(next..next + line.len());
            next += line.len() + 1;
        }
        let mut parts: Vec<Part> = self
            .firsts
            .iter()
            .map(|(key, line)| Part { key: key.widened(), range: starts[*line as usize].clone() })
            .collect();
        parts.sort_by_key(|part| part.range.start);
        parts
    }
}

impl<K: Key> Lines<K> {
    fn of(text: &str, mut key: impl FnMut(&str) -> Option<K>) -> Lines<K> {
        let (mut count, mut firsts, mut separators) = (0, Vec::new(), Vec::new());
        for line in lines(text) {
            match key(line) {
                Some(key) => firsts.push((key, count)),
                None => separators.push(count),
            }
            count += 1;
        }
        firsts.sort_unstable();
        firsts.dedup_by_key(|first| first.0);
        // The document may be held for a long time.
        firsts.shrink_to_fit();
        separators.shrink_to_fit();
        Lines { count, firsts, separators }
    }

    /// The number of lines with a key.
    fn compared(&self) -> u32 {
        self.count - self.separators.len() as u32
    }

    /// Writes the numbers of the lines to `kept` whose key is neither in `facts`, which are sorted, nor
    /// that of an earlier line.
    fn not_repeated(&self, facts: &[(u64, K)], kept: &mut Vec<u32>) {
        kept.clear();
        let mut duplicates = facts.iter().map(|fact| fact.1).peekable();
        for &(key, line) in &self.firsts {
            if duplicates.next_if_eq(&key).is_none() {
                kept.push(line);
            }
        }
        assert!(duplicates.next().is_none(), "every fact is about a line of the document");
        kept.sort_unstable();
    }

    /// Adds the separators that stay to the numbers of lines that do. Between two of these, all stay if
    /// nothing was cut there, else the first; before the first and after the last line, none if
    /// something was cut there.
    fn add_separators(&self, kept: &mut Vec<u32>) {
        if self.separators.is_empty() {
            return;
        }
        let lines = std::mem::take(kept);
        let mut separators = &self.separators[..];
        let mut next = 0;
        for line in lines.iter().copied().chain([self.count]) {
            let here;
            (here, separators) = separators.split_at(separators.partition_point(|s| *s < line));
            let is_whole = here.len() as u32 == line - next;
            let is_at_end = next == 0 || line == self.count;
            let stay = if is_whole { here.len() } else { usize::from(!is_at_end) };
            kept.extend(here.iter().take(stay));
            if line < self.count {
                kept.push(line);
            }
            next = line + 1;
        }
    }
}

/// The text of the lines of these numbers, which ascend.
fn text_of(text: &str, kept: &[u32]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut stay = kept.iter().copied().peekable();
    for (number, line) in lines(text).enumerate() {
        if stay.next_if_eq(&(number as u32)).is_some() {
            if kept[0] != number as u32 {
                out.push('\n');
            }
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_by(
        text: &str,
        key: impl FnMut(&str) -> Option<u64>,
        duplicates: &[u64],
    ) -> (String, Vec<u32>) {
        let facts: Vec<_> = duplicates.iter().map(|key| (0, *key)).collect();
        let (mut kept, lines) = (Vec::new(), Lines::of(text, key));
        lines.not_repeated(&facts, &mut kept);
        lines.add_separators(&mut kept);
        (text_of(text, &kept), kept)
    }

    fn cut(text: &str, keys: &[u64], duplicates: &[u64]) -> (String, Vec<u32>) {
        let mut keys = keys.iter();
        cut_by(text, |_| Some(*keys.next().unwrap()), duplicates)
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

    /// Cuts the lines `x`; empty lines are separators.
    fn without_x(text: &str) -> String {
        let key = |line: &str| line.bytes().next().map(u64::from);
        let has_x = text.split('\n').any(|line| line == "x");
        let facts: Vec<u64> = has_x.then_some(u64::from(b'x')).into_iter().collect();
        cut_by(text, key, &facts).0
    }

    #[test]
    fn where_lines_are_cut_one_separator_stays_between_others_and_none_at_the_ends() {
        for (text, expected) in [
            ("a\n\n\nb\n", "a\n\n\nb\n"),
            ("a\nx\nb", "a\nb"),
            ("a\n\nx\n\nb", "a\n\nb"),
            ("a\nx\n\nx\nb", "a\n\nb"),
            ("a\n\n\nx\nb\n\n\nc", "a\n\nb\n\n\nc"),
            ("x\n\na\n", "a\n"),
            ("\n\na\n\nx\n", "\n\na"),
            ("\nx\n\na", "a"),
            ("x\n\nx", ""),
            ("\n\n", "\n\n"),
        ] {
            assert_eq!(without_x(text), expected, "{text:?}");
        }
    }
}
