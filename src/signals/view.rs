//! A document prepared for signals (RedPajama-Data, `core/document.py`): the raw text, its words
//! and lines, and the normalized text with its words. All of it is computed in one pass over the
//! characters; word counts and n-grams are computed for the first signal that needs them.

mod scan;

use crate::facts::Facts;
use crate::lists::Lists;
use crate::ngrams::RepeatedNgrams;
use crate::rules::dolma::GopherAttributes;
use crate::trained::Collection;
use crate::vocabulary::Vocabulary;
use std::ops::Range;

/// Reusable memory of views.
#[derive(Default)]
pub struct Scratch {
    lines: Vec<Line>,
    raw_words: RawWords,
    normal: String,
    words: Vec<Word>,
    vocabulary: Vocabulary,
    ngrams: RepeatedNgrams,
    lower: String,
    fasttext: models::fasttext::Scratch,
}

/// A line of the raw text, with its newline if it has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    /// Its range in the text, in bytes.
    pub bytes: Range<usize>,
    /// Its range in the text, in characters.
    pub chars: Range<usize>,
    /// Its range in the normalized words.
    pub words: Range<usize>,
    /// Upper-case characters of the raw line.
    pub upper: usize,
    /// Numeric characters of the normalized line.
    pub numeric: usize,
}

/// A normalized word: its range in the normalized text, and its length in characters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    bytes: Range<usize>,
    pub chars: usize,
}

/// Counts of raw words: runs of `\w`, and runs of characters that are neither `\w` nor blank
/// (NLTK's `WordPunctTokenizer`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RawWords {
    pub count: usize,
    /// Words with an ASCII letter.
    pub with_letter: usize,
    /// Words in capitals.
    pub upper: usize,
    /// Words in the list of stop words.
    pub stop: usize,
}

/// The amount of repeated n-grams in a text, in characters of words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Repetition {
    /// For n = 2, 3, 4: all copies of the most frequent n-gram; overlaps count repeatedly.
    pub top: [usize; 3],
    /// For n = 5 to 10: all words in repeated n-grams, each counted once.
    pub repeated: [usize; 6],
}

/// One document, prepared for its signals.
///
/// Takes time and memory linear in the text.
pub struct View<'a> {
    text: &'a str,
    facts: &'a Facts<'a>,
    lists: &'a Lists,
    scratch: &'a mut Scratch,
    counted: bool,
    repetition: Option<Repetition>,
    weights: [Option<Option<(f64, f64)>>; 3],
    dolma: Option<GopherAttributes>,
}

impl<'a> View<'a> {
    /// Prepares a text. Some signals repeat `facts`, and `facts.language` selects the word lists.
    pub fn new(
        text: &'a str,
        facts: &'a Facts<'a>,
        lists: &'a Lists,
        scratch: &'a mut Scratch,
    ) -> Self {
        scan::scan(text, lists.stop_words(facts.language), scratch);
        View {
            text,
            facts,
            lists,
            scratch,
            counted: false,
            repetition: None,
            weights: [None; 3],
            dolma: None,
        }
    }

    /// Returns the raw text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the facts about the document.
    pub fn facts(&self) -> &'a Facts<'a> {
        self.facts
    }

    /// Returns the length of the raw text in characters, upstream's unit of all offsets.
    pub fn chars(&self) -> usize {
        self.scratch.lines.last().map_or(0, |line| line.chars.end)
    }

    /// Returns the normalized text: without ASCII punctuation, in lower case, with single blanks
    /// between words, decomposed (NFD).
    pub fn normal(&self) -> &str {
        &self.scratch.normal
    }

    pub(crate) fn lists(&self) -> &'a Lists {
        self.lists
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.scratch.lines
    }

    /// Returns the raw text of a line, with its newline.
    pub(crate) fn raw_line(&self, line: &Line) -> &'a str {
        &self.text[line.bytes.clone()]
    }

    pub(crate) fn raw_words(&self) -> &RawWords {
        &self.scratch.raw_words
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.scratch.words
    }

    /// Returns the text of a normalized word.
    pub(crate) fn word(&self, word: &Word) -> &str {
        &self.scratch.normal[word.bytes.clone()]
    }

    /// Returns consecutive words as they are in the normalized text, separated by blanks. There
    /// must be at least one.
    pub(crate) fn phrase(&self, words: &[Word]) -> &str {
        let [first, .., last] = words else { return self.word(&words[0]) };
        &self.scratch.normal[first.bytes.start..last.bytes.end]
    }

    /// Returns the length of a normalized line in characters.
    pub(crate) fn normal_chars(&self, line: &Line) -> usize {
        self.spaced_chars(&self.scratch.words[line.words.clone()])
    }

    /// Returns the length of the normalized text in characters.
    pub(crate) fn all_normal_chars(&self) -> usize {
        self.spaced_chars(&self.scratch.words)
    }

    fn spaced_chars(&self, words: &[Word]) -> usize {
        let blanks = words.len().saturating_sub(1);
        words.iter().map(|word| word.chars).sum::<usize>() + blanks
    }

    /// Returns the number of characters in all normalized words, without blanks.
    pub(crate) fn word_chars(&self) -> usize {
        self.scratch.words.iter().map(|word| word.chars).sum()
    }

    /// Returns the distinct normalized words.
    pub(crate) fn vocabulary(&mut self) -> &Vocabulary {
        let Scratch { normal, words, vocabulary, .. } = &mut *self.scratch;
        if !self.counted {
            vocabulary.fill(words.len(), |at| &normal[words[at].bytes.clone()]);
            self.counted = true;
        }
        vocabulary
    }

    /// Returns the similarity to Wikipedia, books and OpenWebText, if the language has a model.
    pub(crate) fn palm(&mut self) -> Option<f64> {
        let trained = self.lists.trained();
        trained.palm(self.facts.language, self.text, &mut self.scratch.fasttext)
    }

    /// Returns the similarity to Wikipedia, if the language has a model.
    pub(crate) fn wikipedia(&mut self) -> Option<f64> {
        let trained = self.lists.trained();
        trained.wikipedia(self.facts.language, self.text, &mut self.scratch.fasttext)
    }

    /// Returns the weight for a collection, and the weight corrected for the length, if there are
    /// counts.
    pub(crate) fn weight(&mut self, collection: Collection) -> Option<(f64, f64)> {
        let find = || self.lists.trained().weight(collection, self.facts.language, self.text);
        *self.weights[collection as usize].get_or_insert_with(find)
    }

    /// Returns Dolma's attributes, which are computed once.
    pub(crate) fn dolma(&mut self) -> &GopherAttributes {
        self.dolma.get_or_insert_with(|| GopherAttributes::of(self.text))
    }

    /// Returns the repeated n-grams of normalized words.
    pub(crate) fn repetition(&mut self) -> Repetition {
        if let Some(repetition) = self.repetition {
            return repetition;
        }
        self.vocabulary();
        let Scratch { words, vocabulary, ngrams, .. } = &mut *self.scratch;
        let mut repetition = Repetition::default();
        ngrams.start(vocabulary);
        for top in &mut repetition.top {
            ngrams.grow();
            *top = ngrams.top().map_or(0, |(first, count)| {
                let gram = &words[first..first + ngrams.n()];
                gram.iter().map(|word| word.chars).sum::<usize>() * count
            });
        }
        for repeated in &mut repetition.repeated {
            ngrams.grow();
            *repeated = ngrams.covered(|word| words[word].chars);
        }
        *self.repetition.insert(repetition)
    }
}
