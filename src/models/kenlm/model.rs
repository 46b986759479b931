//! A model in memory, and the scores of sentences (`lm/model.cc: FullScore`).

use super::ORDER_MAX;
use super::table::{Gram, Longest, Middle, Place, longer_key};
use super::vocabulary::{UNKNOWN, Vocabulary};
use std::hint::black_box;

/// An n-gram model, which computes the probability of a sentence.
pub struct Model {
    vocabulary: Vocabulary,
    unigrams: Vec<Gram>,
    /// The orders from the second to the last but one.
    middle: Vec<Middle>,
    longest: Longest,
    begin: u32,
    end: u32,
}

/// Number of words that are looked up together, so that their cache misses overlap.
const BLOCK: usize = 64;

/// Reusable memory of a thread, so that scoring does not allocate. It does not affect results.
#[derive(Default)]
pub struct Scratch {
    /// The sentence with its markers.
    words: Vec<u32>,
    /// The block's words, after the word before them.
    matches: Vec<Match>,
    places: Vec<(usize, Place)>,
}

/// The part of a word's context that the model knows.
#[derive(Clone, Copy)]
struct Match {
    /// Key of the longest n-gram that was looked up and ends with the word.
    key: u64,
    /// log10 of the probability by the longest n-gram found.
    log10: f32,
    /// Length of the longest n-gram found.
    len: usize,
    /// Whether a longer n-gram may be found.
    extends_left: bool,
    /// One bit for each n-gram found, by its length: whether a longer n-gram may begin with it.
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

    /// Returns the length of the longest n-grams.
    pub fn order(&self) -> usize {
        self.middle.len() + 2
    }

    /// Returns the model's size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let middle: usize = self.middle.iter().map(Middle::bytes).sum();
        let unigrams = size_of_val(self.unigrams.as_slice());
        self.vocabulary.bytes() + unigrams + middle + self.longest.bytes()
    }

    /// Returns the number of a word; 0 if the model does not know it.
    pub fn word(&self, word: &[u8]) -> u32 {
        self.vocabulary.find(word)
    }

    /// Returns the log10 of the probability of `words` as a whole sentence with its begin and end
    /// markers. As in KenLM, it is the single-precision sum of the words' single-precision scores.
    /// Numbers that are not from [`Self::word`] count as unknown.
    ///
    /// Allocates a [`Scratch`]; for more than a few sentences use [`Self::score_with`].
    pub fn score(&self, words: &[u32]) -> f32 {
        self.score_with(words.iter().copied(), &mut Scratch::default())
    }

    /// [`Self::score`] with reused memory.
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

    /// Returns the state before the first word.
    fn match_begin(&self) -> Match {
        let mut begin = self.match_word(self.begin);
        // It was not looked up, so n-grams that begin with it must be tried.
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

    /// Adds a match for each word in `block`, order by order, so that many look-ups wait for memory
    /// at the same time. An n-gram can exist only if the two that are one word shorter exist.
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

    /// Returns the score of the second of two words: that of the n-gram found, and the backoffs of
    /// the longer contexts of the first word.
    fn word_score(&self, pair: &[Match]) -> f32 {
        let [context, word] = pair else { return 0.0 };
        let longest = context.len.min(self.order() - 1);
        let backoffs = context.backoffs.get(word.len - 1..longest).unwrap_or_default();
        backoffs.iter().fold(word.log10, |score, backoff| score + backoff)
    }
}
