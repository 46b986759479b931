//! The amount of copies in a list of lines, paragraphs or n-grams of words.

use super::chars;
use crate::ngrams::RepeatedNgrams;
use crate::vocabulary::Vocabulary;
use foldhash::fast::RandomState;
use std::collections::HashSet;

/// A number of elements, and of the characters in them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amount {
    pub elements: usize,
    pub chars: usize,
}

impl Amount {
    fn add(&mut self, element: &str) {
        self.elements += 1;
        self.chars += chars(element);
    }
}

/// Counts elements that occurred before (datatrove's `find_duplicates`): all copies but the first.
pub(super) fn later_copies<'t>(elements: impl Iterator<Item = &'t str>) -> Amount {
    let mut seen = HashSet::with_hasher(RandomState::default());
    let mut copies = Amount::default();
    for element in elements.filter(|element| !seen.insert(*element)) {
        copies.add(element);
    }
    copies
}

/// Counts elements that occur more than once (Dolma and DCLM): all copies.
pub(super) fn all_copies(elements: &[&str]) -> Amount {
    let mut vocabulary = Vocabulary::default();
    vocabulary.fill(elements.len(), |at| elements[at]);
    let mut copies = Amount::default();
    for (first, count) in vocabulary.distinct().filter(|(_, count)| *count > 1) {
        copies.elements += count;
        copies.chars += count * chars(elements[first]);
    }
    copies
}

/// Returns the repeated n-grams of words, beginning at n = 1, and the words' lengths.
pub(super) fn repeated_ngrams(words: &[&str]) -> (RepeatedNgrams, Vec<usize>) {
    let mut vocabulary = Vocabulary::default();
    vocabulary.fill(words.len(), |at| words[at]);
    let mut ngrams = RepeatedNgrams::default();
    ngrams.start(&vocabulary);
    (ngrams, words.iter().map(|word| chars(word)).collect())
}

/// Counts the characters of n-grams that occurred before (datatrove's `find_all_duplicate`). Skips
/// each copy that it finds, and compares n-grams with their words joined without blanks.
pub(super) fn jumped_over(words: &[&str], n: usize) -> usize {
    let joined = words.concat();
    let mut starts = vec![0];
    starts.extend(words.iter().scan(0, |end, word| {
        *end += word.len();
        Some(*end)
    }));
    let mut seen = HashSet::with_hasher(RandomState::default());
    let (mut at, mut copied) = (0, 0);
    while at + n <= words.len() {
        let gram = &joined[starts[at]..starts[at + n]];
        if seen.insert(gram) {
            at += 1;
        } else {
            copied += chars(gram);
            at += n;
        }
    }
    copied
}
