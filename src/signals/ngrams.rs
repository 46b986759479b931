//! Finds the repeated n-grams of words, for one n after another, and exactly: an n-gram is
//! identified by its two (n-1)-grams, not by a hash of its text.
//!
//! An n-gram can only be repeated if both of these are. So each step reads only the n-grams that
//! the previous step kept, and n = 2 to 10 together cost little more than n = 2.

use crate::table::Table;
use crate::vocabulary::Vocabulary;

/// The repeated n-grams of a list of words. Starts at n = 1; [`RepeatedNgrams::grow`] continues
/// with the next n. Its memory is reused for the next list.
#[derive(Default)]
pub(crate) struct RepeatedNgrams {
    n: usize,
    /// The positions at which a repeated n-gram begins, sorted.
    places: Vec<Place>,
    /// All n-grams that were read, by id, in order of first appearance.
    grams: Vec<Gram>,
    table: Table,
}

#[derive(Clone, Copy)]
struct Place {
    position: u32,
    id: u32,
}

struct Gram {
    /// The ids of its two (n-1)-grams.
    parts: (u32, u32),
    first: u32,
    count: u32,
}

impl RepeatedNgrams {
    /// Begins with single words.
    pub(crate) fn start(&mut self, words: &Vocabulary) {
        self.n = 1;
        self.grams.clear();
        self.grams.extend(words.distinct().map(|(first, count)| Gram {
            parts: (0, 0),
            first: narrow(first),
            count: narrow(count),
        }));
        self.places.clear();
        let ids = words.ids().iter().enumerate();
        self.places.extend(ids.map(|(at, id)| Place { position: narrow(at), id: *id }));
        self.forget_single();
    }

    /// Continues with n + 1.
    pub(crate) fn grow(&mut self) {
        self.n += 1;
        self.table.reset(self.places.len());
        self.grams.clear();
        let mut kept = 0;
        for at in 1..self.places.len() {
            let (head, tail) = (self.places[at - 1], self.places[at]);
            if head.position + 1 != tail.position {
                continue;
            }
            let parts = (head.id, tail.id);
            let next = narrow(self.grams.len());
            let hash = self.table.hash(parts);
            let id = self.table.number(hash, next, |id| self.grams[id as usize].parts == parts);
            if id == next {
                self.grams.push(Gram { parts, first: head.position, count: 0 });
            }
            self.grams[id as usize].count += 1;
            // Never overtakes the places that are still to be read.
            self.places[kept] = Place { position: head.position, id };
            kept += 1;
        }
        self.places.truncate(kept);
        self.forget_single();
    }

    fn forget_single(&mut self) {
        self.places.retain(|place| self.grams[place.id as usize].count > 1);
    }

    /// Returns the current n.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Returns the first position and the count of each repeated n-gram, in order of first
    /// appearance.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (usize, usize)> {
        let grams = self.grams.iter().filter(|gram| gram.count > 1);
        grams.map(|gram| (gram.first as usize, gram.count as usize))
    }

    /// Returns the first position and the count of the most frequent repeated n-gram; of equally
    /// frequent ones, the one that appears first.
    pub(crate) fn top(&self) -> Option<(usize, usize)> {
        self.repeated().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Returns the sum of `length` over all words in repeated n-grams, each counted once.
    pub(crate) fn covered(&self, length: impl Fn(usize) -> usize) -> usize {
        let mut covered_to = 0;
        let mut sum = 0;
        for place in &self.places {
            let position = place.position as usize;
            let end = position + self.n;
            sum += (covered_to.max(position)..end).map(&length).sum::<usize>();
            covered_to = end;
        }
        sum
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("2^32 words do not fit into memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the first position and the count of each repeated n-gram, by the definition.
    fn by_definition(words: &[String], n: usize) -> Vec<(usize, usize)> {
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

    fn covered_by_definition(words: &[String], n: usize) -> usize {
        let repeated = by_definition(words, n);
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
        #![proptest_config(reference::property())]

        #[test]
        fn every_n_is_as_by_the_definition(words in prop::collection::vec("a|bb|c", 0..60)) {
            let mut vocabulary = Vocabulary::default();
            vocabulary.fill(words.len(), |at| &words[at]);
            let mut ngrams = RepeatedNgrams::default();
            ngrams.start(&vocabulary);
            for n in 1..=10 {
                prop_assert_eq!(ngrams.n(), n);
                prop_assert_eq!(ngrams.repeated().collect::<Vec<_>>(), by_definition(&words, n));
                let covered = ngrams.covered(|word| words[word].len());
                prop_assert_eq!(covered, covered_by_definition(&words, n));
                ngrams.grow();
            }
        }
    }
}
