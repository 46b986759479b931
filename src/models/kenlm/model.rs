//! A model in memory, and how it scores a sentence (`lm/model.cc: FullScore`).

use super::ORDER_MAX;
use super::table::{Gram, Longest, Middle, Place, longer_key};
use super::vocabulary::{UNKNOWN, Vocabulary};
use std::hint::black_box;

/// An n-gram model: give it words, it tells how likely they are.
pub struct Model {
    vocabulary: Vocabulary,
    unigrams: Vec<Gram>,
    /// From the second order to the last but one.
    middle: Vec<Middle>,
    longest: Longest,
    begin: u32,
    end: u32,
}

/// How many words are looked up together, so that their misses of the cache overlap.
const BLOCK: usize = 64;

/// What a thread keeps between scores, so that they allocate nothing. It never changes a result.
#[derive(Default)]
pub struct Scratch {
    /// The sentence with its markers.
    words: Vec<u32>,
    /// The block's words, behind the word before them.
    matches: Vec<Match>,
    places: Vec<(usize, Place)>,
}

/// How much of a word's context the model knows.
#[derive(Clone, Copy)]
struct Match {
    /// Key of the longest n-gram looked up, which ends with the word.
    key: u64,
    /// log10 of the probability by the longest n-gram found.
    log10: f32,
    /// Length of that.
    len: usize,
    /// Whether a longer one may be found.
    extends_left: bool,
    /// For each n-gram found, by its length, whether another may begin with it: one bit each.
    extends_right: u32,
    /// The backoff of each n-gram found, from the first order to the last but one.
    backoffs: [f32; ORDER_MAX - 1],
}

impl Model {
    pub(super) fn new(
        vocabulary: Vocabulary,
        unigrams: Vec<Gram>,
        middle: Vec<Middle>,
        longest: Longest,
    ) -> Self {
        let (begin, end) = (vocabulary.find(b"<s>"), vocabulary.find(b"</s>"));
        Self { vocabulary, unigrams, middle, longest, begin, end }
    }

    /// The length of its longest n-grams.
    pub fn order(&self) -> usize {
        self.middle.len() + 2
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let middle: usize = self.middle.iter().map(Middle::bytes).sum();
        let unigrams = size_of_val(self.unigrams.as_slice());
        self.vocabulary.bytes() + unigrams + middle + self.longest.bytes()
    }

    /// The number of a word, 0 where the model does not know it.
    pub fn word(&self, word: &[u8]) -> u32 {
        self.vocabulary.find(word)
    }

    /// log10 of the probability that `words` make a whole sentence, its begin and end marked, as
    /// KenLM computes it: the sum of the words' single-precision scores in single precision.
    /// Numbers that are not from [`Self::word`] count as unknown.
    ///
    /// Makes a [`Scratch`] of its own; for more than a few sentences use [`Self::score_with`].
    pub fn score(&self, words: &[u32]) -> f32 {
        self.score_with(words.iter().copied(), &mut Scratch::default())
    }

    /// [`Self::score`] without allocation.
    pub fn score_with(&self, words: impl IntoIterator<Item = u32>, scratch: &mut Scratch) -> f32 {
        let Scratch { words: sentence, matches, places } = scratch;
        sentence.clear();
        sentence.push(self.begin);
        let known = self.unigrams.len() as u32;
        sentence.extend(words.into_iter().map(|word| if word < known { word } else { UNKNOWN }));
        sentence.push(self.end);

        matches.clear();
        matches.push(self.match_begin());
        let mut total = 0.0;
        let mut block = 1;
        while block < sentence.len() {
            let end = sentence.len().min(block + BLOCK);
            self.match_block(sentence, block..end, matches, places);
            total = matches.windows(2).fold(total, |total, pair| total + self.word_score(pair));
            let last = matches.len() - 1;
            matches.swap(0, last);
            matches.truncate(1);
            block = end;
        }
        total
    }

    /// The state before the first word.
    fn match_begin(&self) -> Match {
        let mut begin = self.match_word(self.begin);
        // It was not found by looking: whatever follows it is tried.
        begin.extends_right = 1 << 1;
        begin
    }

    fn match_word(&self, word: u32) -> Match {
        let gram = self.unigrams[word as usize];
        let mut backoffs = [0.0; ORDER_MAX - 1];
        backoffs[0] = gram.backoff;
        Match {
            key: u64::from(word),
            log10: gram.log10(),
            len: 1,
            extends_left: gram.extends_left(),
            extends_right: u32::from(gram.extends_right()) << 1,
            backoffs,
        }
    }

    /// Adds a match for each word in `block`. Order by order, so that many look-ups wait for memory
    /// at the same time: an n-gram can be there only if the two are that are shorter by one word.
    fn match_block(
        &self,
        sentence: &[u32],
        block: std::ops::Range<usize>,
        matches: &mut Vec<Match>,
        places: &mut Vec<(usize, Place)>,
    ) {
        let before = block.start - 1;
        matches.extend(sentence[block].iter().map(|word| self.match_word(*word)));
        for order in 2..=self.order() {
            let table = self.middle.get(order - 2);
            places.clear();
            for at in 1..matches.len() {
                let [shorter, found] = &mut matches[at - 1..=at] else { continue };
                let may_be_there =
                    found.extends_left && shorter.extends_right >> (order - 1) & 1 == 1;
                if found.len + 1 != order || !may_be_there {
                    continue;
                }
                found.key = longer_key(found.key, sentence[before + at + 1 - order]);
                let place = match table {
                    Some(table) => table.place(found.key),
                    None => self.longest.place(found.key),
                };
                places.push((at, place));
            }
            let wanted = places.iter().map(|(_, place)| *place);
            black_box(match table {
                Some(table) => table.fetch(wanted),
                None => self.longest.fetch(wanted),
            });
            for (at, place) in places.iter() {
                let gram = match table {
                    Some(table) => table.find(*place),
                    None => self.longest.find(*place),
                };
                let Some(gram) = gram else { continue };
                let found = &mut matches[*at];
                found.log10 = gram.log10();
                found.len = order;
                if table.is_some() {
                    found.extends_left = gram.extends_left();
                    found.extends_right |= u32::from(gram.extends_right()) << order;
                    found.backoffs[order - 1] = gram.backoff;
                }
            }
            if places.is_empty() {
                break;
            }
        }
    }

    /// The score of the second of two words: that of the n-gram found, and what it cost to back off
    /// from the longer contexts that the first word left.
    fn word_score(&self, pair: &[Match]) -> f32 {
        let [context, word] = pair else { return 0.0 };
        let longest = context.len.min(self.order() - 1);
        let backoffs = context.backoffs.get(word.len - 1..longest).unwrap_or_default();
        backoffs.iter().fold(word.log10, |score, backoff| score + backoff)
    }
}
