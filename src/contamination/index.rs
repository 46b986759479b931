//! The n-grams of evaluation sets.

use crate::filter::Filter;
use crate::words::{Words, mix};
use std::ops::Range;

/// What an n-gram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Words of an n-gram.
    pub ngram: usize,
    /// A text of an evaluation with fewer words is left out. One with fewer than `ngram` is one
    /// n-gram.
    pub words_min: usize,
}

/// The least words of a window, if n-grams have as many. Fewer are found too often.
const WINDOW_WORDS_MIN: usize = 6;

/// The most n-grams that are looked up for one window.
const STRIDE_MAX: usize = 6;

impl Rule {
    /// A text is searched at each first of so many words: every n-gram has a window that begins at one.
    pub(crate) fn stride(self) -> usize {
        (self.words_min + 1).saturating_sub(WINDOW_WORDS_MIN).clamp(1, STRIDE_MAX)
    }

    /// Words of a window.
    pub(crate) fn window(self) -> usize {
        self.words_min + 1 - self.stride()
    }
}

/// An evaluation set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Texts that are compared.
    pub texts: u64,
    /// Texts that are left out because they have too few words.
    pub short: u64,
    /// Different n-grams of its texts.
    pub ngrams: u64,
}

/// The words of all sets do not fit the index.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the evaluation sets have more than 4 GiB of words")]
pub struct TooLarge;

/// Where a text of an evaluation comes from.
pub(crate) struct Text {
    /// Where its words begin among those of all texts.
    start: u32,
    /// The number of its words.
    words: u32,
    pub set: u32,
    pub field: u32,
    pub line: u64,
}

/// An index that is being made.
pub struct Builder {
    rule: Rule,
    words: Words,
    letters: Vec<u8>,
    texts: Vec<Text>,
    sets: Vec<Set>,
    fields: Vec<String>,
    /// The hash of each n-gram, and where its words begin.
    ngrams: Vec<(u64, u32)>,
    /// The hashes of all windows.
    windows: Vec<u64>,
}

impl Builder {
    /// Begins an index without sets.
    ///
    /// # Panics
    /// If `words_min` is 0 or greater than `ngram`.
    pub fn new(rule: Rule) -> Builder {
        assert!((1..=rule.ngram).contains(&rule.words_min), "{rule:?} is no rule");
        Builder {
            rule,
            words: Words::default(),
            letters: Vec::new(),
            texts: Vec::new(),
            sets: Vec::new(),
            fields: Vec::new(),
            ngrams: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// Begins a set, to which all texts up to the next one are added.
    pub fn begin_set(&mut self, name: &str) {
        self.sets.push(Set { name: name.to_owned(), ..Set::default() });
    }

    /// Adds a text of the set: the field of a line, or of a row.
    ///
    /// # Errors
    /// If there are too many words.
    ///
    /// # Panics
    /// If no set has begun.
    pub fn add(&mut self, line: u64, field: &str, text: &str) -> Result<(), TooLarge> {
        let Rule { ngram, words_min } = self.rule;
        let set = self.sets.last_mut().expect("a set has begun");
        self.words.read(text);
        let count = self.words.count();
        if count < words_min {
            set.short += u64::from(count > 0);
            return Ok(());
        }
        set.texts += 1;
        let start = self.letters.len();
        self.letters.extend_from_slice(self.words.letters(0..count));
        self.letters.push(b'\n');
        if u32::try_from(self.letters.len()).is_err() {
            return Err(TooLarge);
        }
        let known = self.fields.iter().position(|known| known == field);
        let field = known.unwrap_or_else(|| {
            self.fields.push(field.to_owned());
            self.fields.len() - 1
        });
        self.texts.push(Text {
            start: start as u32,
            words: count as u32,
            set: self.sets.len() as u32 - 1,
            field: field as u32,
            line,
        });
        let hashes = self.words.hashes();
        let begins = rolling(hashes, ngram.min(count)).enumerate();
        self.ngrams
            .extend(begins.map(|(word, hash)| (hash, (start + self.words.start(word)) as u32)));
        self.windows.extend(rolling(hashes, self.rule.window()));
        Ok(())
    }

    /// Returns the index.
    pub fn finish(self) -> Index {
        let Builder { rule, letters, texts, mut sets, fields, mut ngrams, mut windows, .. } = self;
        windows.sort_unstable();
        windows.dedup();
        let filter = Filter::new(&windows);
        drop(windows);
        // By hash, and of equal ones in the order of sets and their lines.
        ngrams.sort_unstable();
        let mut index = Index {
            rule,
            filter,
            hashes: Vec::new(),
            places: Vec::new(),
            directory: Vec::new(),
            shift: 0,
            letters,
            texts,
            sets: Vec::new(),
            fields,
            lengths: Vec::new(),
        };
        let mut before: Option<u64> = None;
        let mut same: Vec<(u32, Range<usize>)> = Vec::new();
        for (hash, place) in ngrams {
            if before != Some(hash) {
                (before, same) = (Some(hash), Vec::new());
            }
            let (text, ngram) = index.ngram_at(place);
            let set = index.texts[text].set;
            // The first place of an n-gram in a set stands for all.
            let is_known = same.iter().any(|(of, known)| {
                *of == set && index.letters[known.clone()] == index.letters[ngram.clone()]
            });
            if !is_known {
                same.push((set, ngram));
                sets[set as usize].ngrams += 1;
                index.hashes.push(hash);
                index.places.push(place);
            }
        }
        let mut lengths: Vec<usize> =
            index.texts.iter().map(|text| rule.ngram.min(text.words as usize)).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        (index.lengths, index.sets) = (lengths, sets);
        index.build_directory();
        index
    }
}

/// The n-grams of evaluation sets.
pub struct Index {
    pub(crate) rule: Rule,
    pub(crate) filter: Filter,
    /// The hashes of n-grams, sorted, and where the words of each begin.
    hashes: Vec<u64>,
    places: Vec<u32>,
    /// For the first bits of a hash, where such hashes begin.
    directory: Vec<u32>,
    shift: u32,
    /// The words of all texts: a blank after each word, and a line feed after the last of a text.
    letters: Vec<u8>,
    pub(crate) texts: Vec<Text>,
    sets: Vec<Set>,
    pub(crate) fields: Vec<String>,
    /// The numbers of words that n-grams have, the largest first.
    pub(crate) lengths: Vec<usize>,
}

/// Hashes for each entry of the directory, on average.
const DIRECTORY_SHARE: usize = 4;

impl Index {
    /// The sets, in their order.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// Its size in memory.
    pub fn bytes(&self) -> usize {
        let texts = self.texts.len() * size_of::<Text>() + self.letters.len();
        texts + self.hashes.len() * 12 + self.directory.len() * 4 + self.filter.bytes()
    }

    fn build_directory(&mut self) {
        let count = (self.hashes.len() / DIRECTORY_SHARE).next_power_of_two().max(2);
        self.shift = 64 - count.trailing_zeros();
        let begin = |first: usize| {
            self.hashes.partition_point(|hash| ((hash >> self.shift) as usize) < first)
        };
        self.directory = (0..=count).map(|first| begin(first) as u32).collect();
    }

    /// Calls `each` with the text of every n-gram that has these words and this hash.
    pub(crate) fn find(&self, hash: u64, words: &[u8], mut each: impl FnMut(usize)) {
        let first = (hash >> self.shift) as usize;
        let near = self.directory[first] as usize..self.directory[first + 1] as usize;
        for at in near {
            if self.hashes[at] != hash {
                continue;
            }
            let (text, ngram) = self.ngram_at(self.places[at]);
            if &self.letters[ngram] == words {
                each(text);
            }
        }
    }

    /// Returns the text in which an n-gram begins at `place`, and the place of its words.
    fn ngram_at(&self, place: u32) -> (usize, Range<usize>) {
        let text = self.texts.partition_point(|text| text.start <= place) - 1;
        let start = place as usize;
        let wanted = self.rule.ngram.min(self.texts[text].words as usize);
        let is_end = |(_, byte): &(usize, &u8)| **byte == b' ' || **byte == b'\n';
        let mut ends = self.letters[start..].iter().enumerate().filter(is_end);
        let (length, _) = ends.nth(wanted - 1).expect("every text ends with a line feed");
        (text, start..start + length)
    }
}

/// Returns the hash of each sequence of `count` words.
pub(crate) fn rolling(words: &[u64], count: usize) -> impl Iterator<Item = u64> + '_ {
    let first = power(count.saturating_sub(1) as u32);
    let mut sum =
        words[..count.min(words.len() + 1) - 1].iter().fold(0, |sum, word| push(sum, *word));
    let ahead = words.iter().skip(count - 1);
    ahead.zip(words).map(move |(next, leaving)| {
        sum = push(sum, *next);
        let hash = mix(sum);
        sum = sum.wrapping_sub(leaving.wrapping_mul(first));
        hash
    })
}

/// Returns the hash of a sequence of words, as [`rolling`] does.
pub(crate) fn hash_of(words: &[u64]) -> u64 {
    mix(words.iter().fold(0, |sum, word| push(sum, *word)))
}

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

fn push(sum: u64, word: u64) -> u64 {
    sum.wrapping_mul(BASE).wrapping_add(word)
}

fn power(exponent: u32) -> u64 {
    BASE.wrapping_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_hashes_are_those_of_each_sequence() {
        let words: Vec<u64> = (0..50_u64).map(|word| mix(word % 7 + 1)).collect();
        for count in 1..=13 {
            let expected: Vec<u64> = words.windows(count).map(hash_of).collect();
            assert_eq!(rolling(&words, count).collect::<Vec<_>>(), expected, "{count}");
        }
        assert_eq!(rolling(&words[..4], 5).count(), 0);
        assert_eq!(rolling(&[], 5).count(), 0);
    }

    #[test]
    fn an_equal_hash_of_other_words_is_no_ngram() {
        let mut builder = Builder::new(Rule { ngram: 3, words_min: 3 });
        builder.begin_set("a");
        builder.add(1, "text", "one two three").unwrap();
        let index = builder.finish();
        let mut words = Words::default();
        words.read("one two three");
        let (hash, mut found) = (hash_of(words.hashes()), 0);
        for (words, expected) in [(&b"one two three"[..], 1), (b"one two four", 1), (b"one two", 1)]
        {
            index.find(hash, words, |_| found += 1);
            assert_eq!(found, expected, "{words:?}");
        }
    }

    #[test]
    fn sets_count_their_texts_and_different_ngrams() {
        let mut builder = Builder::new(Rule { ngram: 3, words_min: 2 });
        builder.begin_set("a");
        for text in ["one two three four", "One, two: three!", "one two", "one", "", "?"] {
            builder.add(1, "text", text).unwrap();
        }
        builder.begin_set("b");
        builder.add(1, "text", "one two three").unwrap();
        let index = builder.finish();
        let set =
            |name: &str, texts, short, ngrams| Set { name: name.into(), texts, short, ngrams };
        assert_eq!(index.sets(), [set("a", 3, 1, 3), set("b", 1, 0, 1)]);
        assert!(index.bytes() > 0);
    }
}
