//! `cut_repeated_paragraphs`.

use crate::docs::Docs;
use crate::operators::hold::{Extra, hold};
use crate::operators::join::duplicates;
use crate::operators::keyed::Keys;
use arrangement::Rule;
use document::{Document, Paragraphs};
use serde::{Deserialize, Serialize};

/// Identity of a paragraph; the buffer is room to work in.
type ParagraphKey = fn(&str, &mut Vec<u8>) -> u64;

/// Documents of more lines are turned away, so that what a document takes beside its text is
/// bounded, 100 MiB at most: each line takes some 100 bytes on its way through the join. As many
/// lines as a page of 1 MiB can have, where Common Crawl cut pages until 2025.
const LINES_MAX: usize = 1 << 20;

fn has_too_many_lines(document: &Document) -> bool {
    let text = document.text.as_bytes();
    // No line end is counted where there cannot be as many.
    text.len() >= LINES_MAX && memchr::memchr_iter(b'\n', text).count() >= LINES_MAX
}

impl Docs<'_> {
    /// Cuts each line whose `key` is a duplicate by `rule`, and then every further line with the
    /// key of one before it in the same document. Calls `after` with the lines that stay, by
    /// number. A document may come out empty.
    ///
    /// Follows cc_net `dedup.py`: a line is a paragraph, the blank line among them, and a line
    /// repeated inside one document only is none of the index's business. A document of more than
    /// 1,048,576 lines is turned away first, as `too_many_lines`.
    ///
    /// State: an update for each distinct paragraph of each document, in `index`.
    pub fn cut_repeated_paragraphs(
        self,
        index: &str,
        key: ParagraphKey,
        rule: Rule,
        after: impl Fn(&mut Document, &[u32]) + 'static,
    ) -> Self {
        let mut room = Vec::new();
        let keys: Keys<u64, Lines> = Box::new(move |document, keys| {
            let lines = Lines::of(&document.text, |line| key(line, &mut room));
            keys.extend(lines.firsts.iter().map(|first| first.0));
            lines
        });
        let docs = self.reject("too_many_lines", has_too_many_lines);
        let (held, updates) = docs.keyed(keys);
        let facts = duplicates(docs.worker.clone(), index, updates, rule);
        let mut kept = Vec::new();
        let cut = Box::new(move |document: &mut Document, lines: Lines, facts: &[(u64, u64)]| {
            if document.is_kept() {
                cut_lines(document, &lines, facts, &mut kept);
                after(document, &kept);
            }
        });
        let stream = hold("Cut repeated paragraphs", docs.worker.clone(), held, facts, cut);
        docs.with_stream(stream)
    }
}

/// The lines of a text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lines {
    count: u32,
    /// Each distinct key and the number of the first line that has it, by key.
    firsts: Vec<(u64, u32)>,
}

impl Extra for Lines {
    fn weight(&self) -> usize {
        self.firsts.capacity() * size_of::<(u64, u32)>()
    }
}

impl Lines {
    fn of(text: &str, key: impl FnMut(&str) -> u64) -> Lines {
        let mut firsts: Vec<(u64, u32)> = text.split('\n').map(key).zip(0..).collect();
        let count = firsts.len() as u32;
        firsts.sort_unstable();
        firsts.dedup_by_key(|first| first.0);
        // It may be held for long.
        firsts.shrink_to_fit();
        Lines { count, firsts }
    }
}

/// Cuts the lines of `document` whose key is in `facts`, which are sorted, and repeats within it.
/// `kept` gets the numbers of the lines that stay.
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
    fn a_duplicate_goes_with_all_its_repeats() {
        assert_eq!(cut("a\nb\na\nc", &[9, 3, 9, 1], &[1, 9]), ("b".into(), vec![1]));
        assert_eq!(cut("a", &[9], &[9]), (String::new(), vec![]));
    }

    #[test]
    fn a_blank_line_is_a_line_wherever_it_stands() {
        assert_eq!(cut("\na\n\nb", &[0, 9, 0, 3], &[]), ("\na\nb".into(), vec![0, 1, 3]));
        assert_eq!(cut("\n\na", &[0, 0, 9], &[]), ("\na".into(), vec![0, 2]));
        assert_eq!(cut("b\n\na", &[3, 0, 9], &[3]), ("\na".into(), vec![1, 2]));
    }
}
