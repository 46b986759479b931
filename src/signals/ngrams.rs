//! Repeated n-grams of words, for one n after the other, and exactly: an n-gram is known by the two
//! (n-1)-grams that it is made of, not by a hash of its text.
//!
//! An n-gram can only be repeated where both of these are. So each step looks only at what the step
//! before left over, and all of n = 2 to 10 together cost little more than the first of them.

use crate::table::Table;
use crate::vocabulary::Vocabulary;

/// Stands for an n-gram that occurs once.
const ONCE: u32 = u32::MAX;

/// The repeated n-grams of a list of words. Starts at n = 1; [`RepeatedNgrams::grow`] goes on to
/// the next n. Its memory is used again for the next list.
#[derive(Default)]
pub(crate) struct RepeatedNgrams {
    n: usize,
    /// For each position, which of the repeated n-grams starts there, or [`ONCE`].
    at: Vec<u32>,
    /// Where each n-gram comes first and how often it occurs, in order of first appearance.
    grams: Vec<(usize, usize)>,
    /// The two (n-1)-grams of each n-gram.
    keys: Vec<(u32, u32)>,
    table: Table,
}

impl RepeatedNgrams {
    /// Begins with single words.
    pub(crate) fn start(&mut self, words: &Vocabulary) {
        self.n = 1;
        self.grams.clear();
        self.grams.extend(words.distinct());
        self.at.clear();
        self.at.extend_from_slice(words.ids());
        self.forget_single();
    }

    /// Goes on from n to n + 1.
    pub(crate) fn grow(&mut self) {
        self.n += 1;
        let is_candidate = |pair: &&[u32]| pair[0] != ONCE && pair[1] != ONCE;
        self.table.reset(self.at.windows(2).filter(is_candidate).count());
        self.grams.clear();
        self.keys.clear();
        // In place: a step reads its own position and the next one.
        for position in 0..self.at.len().saturating_sub(1) {
            let key = (self.at[position], self.at[position + 1]);
            if key.0 == ONCE || key.1 == ONCE {
                self.at[position] = ONCE;
                continue;
            }
            let next = u32::try_from(self.grams.len())
                .expect("2^32 repeated n-grams do not fit into memory");
            let hash = self.table.hash(key);
            let id = self.table.number(hash, next, |id| self.keys[id as usize] == key);
            if id == next {
                self.grams.push((position, 0));
                self.keys.push(key);
            }
            self.grams[id as usize].1 += 1;
            self.at[position] = id;
        }
        self.at.pop();
        self.forget_single();
    }

    fn forget_single(&mut self) {
        for id in self.at.iter_mut().filter(|id| **id != ONCE) {
            if self.grams[*id as usize].1 == 1 {
                *id = ONCE;
            }
        }
    }

    /// The number of words in an n-gram, now.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The repeated n-grams in order of first appearance: where each comes first, and how often it
    /// occurs.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (usize, usize)> {
        self.grams.iter().copied().filter(|(_, count)| *count > 1)
    }

    /// The repeated n-gram that occurs most often, of equals the one seen first: where it comes
    /// first, and how often it occurs.
    pub(crate) fn top(&self) -> Option<(usize, usize)> {
        self.repeated().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The sum of `length` over all words that lie in a repeated n-gram, each counted once.
    pub(crate) fn covered(&self, length: impl Fn(usize) -> usize) -> usize {
        let mut covered_to = 0;
        let mut sum = 0;
        for (position, id) in self.at.iter().enumerate() {
            if *id != ONCE {
                let end = position + self.n;
                sum += (covered_to.max(position)..end).map(&length).sum::<usize>();
                covered_to = end;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where each repeated n-gram comes first and how often it occurs, from the definition.
    fn by_the_book(words: &[String], n: usize) -> Vec<(usize, usize)> {
        let grams: Vec<&[String]> = words.windows(n).collect();
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (position, gram) in grams.iter().enumerate() {
            match found.iter_mut().find(|(first, _)| grams[*first] == *gram) {
                Some((_, count)) => *count += 1,
                None => found.push((position, 1)),
            }
        }
        found.into_iter().filter(|(_, count)| *count > 1).collect()
    }

    fn covered_by_the_book(words: &[String], n: usize) -> usize {
        let repeated = by_the_book(words, n);
        let is_repeated =
            |gram: &[String]| repeated.iter().any(|(first, _)| words[*first..*first + n] == *gram);
        (0..words.len())
            .filter(|word| {
                let starts = (word + 1).saturating_sub(n)..=*word;
                starts.into_iter().any(|start| words.get(start..start + n).is_some_and(is_repeated))
            })
            .map(|word| words[word].len())
            .sum()
    }

    proptest! {
        #![proptest_config(crate::property())]

        #[test]
        fn every_n_is_as_by_the_book(words in prop::collection::vec("a|bb|c", 0..60)) {
            let mut vocabulary = Vocabulary::default();
            vocabulary.fill(words.len(), |at| &words[at]);
            let mut ngrams = RepeatedNgrams::default();
            ngrams.start(&vocabulary);
            for n in 1..=10 {
                prop_assert_eq!(ngrams.n(), n);
                prop_assert_eq!(ngrams.repeated().collect::<Vec<_>>(), by_the_book(&words, n));
                let covered = ngrams.covered(|word| words[word].len());
                prop_assert_eq!(covered, covered_by_the_book(&words, n));
                ngrams.grow();
            }
        }
    }
}
