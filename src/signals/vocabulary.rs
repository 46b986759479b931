//! Words as small numbers: only equal words have equal ids, which are assigned in order of first
//! appearance. Word and n-gram counts are based on these.

use crate::table::Table;

/// The distinct words of a text. Its memory is reused for the next text.
#[derive(Default)]
pub(crate) struct Vocabulary {
    table: Table,
    distinct: Vec<Distinct>,
    ids: Vec<u32>,
}

struct Distinct {
    first: usize,
    count: usize,
}

impl Vocabulary {
    /// Numbers the words `word(0)` to `word(count - 1)`.
    pub(crate) fn fill<'w>(&mut self, count: usize, word: impl Fn(usize) -> &'w str) {
        self.table.reset(count);
        self.distinct.clear();
        self.ids.clear();
        for at in 0..count {
            let text = word(at);
            let next = u32::try_from(self.distinct.len())
                .expect("2^32 distinct words do not fit into memory");
            let hash = self.table.hash(text);
            let is_word = |id: u32| word(self.distinct[id as usize].first) == text;
            let id = self.table.number(hash, next, is_word);
            if id == next {
                self.distinct.push(Distinct { first: at, count: 0 });
            }
            self.distinct[id as usize].count += 1;
            self.ids.push(id);
        }
    }

    /// Returns the id of each word, in order.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the count of each distinct word, by id.
    pub(crate) fn counts(&self) -> impl ExactSizeIterator<Item = usize> {
        self.distinct.iter().map(|distinct| distinct.count)
    }

    /// Returns the first position and the count of each distinct word, by id.
    pub(crate) fn distinct(&self) -> impl ExactSizeIterator<Item = (usize, usize)> {
        self.distinct.iter().map(|distinct| (distinct.first, distinct.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_follow_first_appearance() {
        let words = ["b", "a", "b", "c", "a", "b"];
        let mut vocabulary = Vocabulary::default();
        vocabulary.fill(words.len(), |at| words[at]);
        assert_eq!(vocabulary.ids(), [0, 1, 0, 2, 1, 0]);
        assert_eq!(vocabulary.counts().collect::<Vec<_>>(), [3, 2, 1]);
    }

    proptest! {
        #![proptest_config(reference::property())]

        #[test]
        fn equal_words_have_equal_ids_text_after_text(
            texts in prop::collection::vec(prop::collection::vec("[ab]{0,3}", 0..40), 0..4)
        ) {
            let mut vocabulary = Vocabulary::default();
            for words in texts {
                vocabulary.fill(words.len(), |at| &words[at]);
                for (word, id) in words.iter().zip(vocabulary.ids()) {
                    let first = words.iter().position(|other| other == word).expect("it is there");
                    let count = words.iter().filter(|other| *other == word).count();
                    let found = vocabulary.distinct().nth(*id as usize);
                    prop_assert_eq!(found, Some((first, count)));
                }
            }
        }
    }
}
