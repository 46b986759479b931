//! A document as the signals see it (RedPajama-Data, `core/document.py`): the raw text, its words
//! and lines, and the normalised text with its words. All of that is made in one walk over the
//! characters; word counts and n-grams follow when the first signal asks for them.

mod scan;

use crate::facts::Facts;
use crate::lists::Lists;
use crate::ngrams::RepeatedNgrams;
use crate::rules::dolma::GopherAttributes;
use crate::trained::Collection;
use crate::vocabulary::Vocabulary;
use std::ops::Range;

/// The memory of views, used again for each document.
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
    /// Where it stands in the text, in bytes.
    pub bytes: Range<usize>,
    /// Where it stands in the text, in characters.
    pub chars: Range<usize>,
    /// Its words, of all normalised words.
    pub words: Range<usize>,
    /// Upper-case characters of the raw line.
    pub upper: usize,
    /// Numeric characters of the normalised line.
    pub numeric: usize,
}

/// A normalised word: its place in the normalised text, and its length in characters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    bytes: Range<usize>,
    pub chars: usize,
}

/// What the signals count of the raw words: runs of `\w`, and runs of what is neither that nor
/// blank (NLTK's `WordPunctTokenizer`).
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

/// How much of the text is repeated n-grams, in characters of words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Repetition {
    /// For n = 2, 3, 4: all copies of the n-gram that occurs most often, overlaps counted again.
    pub top: [usize; 3],
    /// For n = 5 to 10: all words in repeated n-grams, each counted once.
    pub repeated: [usize; 6],
}

/// One document, prepared for its signals.
///
/// Takes time and memory in proportion to the text, whatever is in it.
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
    /// Prepares a text. `facts` go into the signals that only repeat them, and `facts.language`
    /// chooses among the `lists`.
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

    /// The raw text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What is known about the document beside its text.
    pub fn facts(&self) -> &'a Facts<'a> {
        self.facts
    }

    /// Length of the raw text in characters, upstream's unit of all offsets.
    pub fn chars(&self) -> usize {
        self.scratch.lines.last().map_or(0, |line| line.chars.end)
    }

    /// The normalised text: without ASCII punctuation, in lower case, with single blanks between
    /// words, decomposed (NFD).
    pub fn normal(&self) -> &str {
        &self.scratch.normal
    }

    pub(crate) fn lists(&self) -> &'a Lists {
        self.lists
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.scratch.lines
    }

    /// The raw text of a line, with its newline.
    pub(crate) fn raw_line(&self, line: &Line) -> &'a str {
        &self.text[line.bytes.clone()]
    }

    pub(crate) fn raw_words(&self) -> &RawWords {
        &self.scratch.raw_words
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.scratch.words
    }

    /// The text of a normalised word.
    pub(crate) fn word(&self, word: &Word) -> &str {
        &self.scratch.normal[word.bytes.clone()]
    }

    /// Words one after the other with a blank between them, as they stand in the normalised text.
    /// There has to be one at least.
    pub(crate) fn phrase(&self, words: &[Word]) -> &str {
        let [first, .., last] = words else { return self.word(&words[0]) };
        &self.scratch.normal[first.bytes.start..last.bytes.end]
    }

    /// Length of a normalised line in characters.
    pub(crate) fn normal_chars(&self, line: &Line) -> usize {
        self.spaced_chars(&self.scratch.words[line.words.clone()])
    }

    /// Length of the normalised text in characters.
    pub(crate) fn all_normal_chars(&self) -> usize {
        self.spaced_chars(&self.scratch.words)
    }

    fn spaced_chars(&self, words: &[Word]) -> usize {
        let blanks = words.len().saturating_sub(1);
        words.iter().map(|word| word.chars).sum::<usize>() + blanks
    }

    /// Characters of all normalised words, without the blanks.
    pub(crate) fn word_chars(&self) -> usize {
        self.scratch.words.iter().map(|word| word.chars).sum()
    }

    /// The distinct normalised words.
    pub(crate) fn vocabulary(&mut self) -> &Vocabulary {
        let Scratch { normal, words, vocabulary, .. } = &mut *self.scratch;
        if !self.counted {
            vocabulary.fill(words.len(), |at| &normal[words[at].bytes.clone()]);
            self.counted = true;
        }
        vocabulary
    }

    /// How much like Wikipedia, books and OpenWebText, where there is a model for the language.
    pub(crate) fn palm(&mut self) -> Option<f64> {
        let trained = self.lists.trained();
        trained.palm(self.facts.language, self.text, &mut self.scratch.fasttext)
    }

    /// How much like Wikipedia, where there is a model for the language.
    pub(crate) fn wikipedia(&mut self) -> Option<f64> {
        let trained = self.lists.trained();
        trained.wikipedia(self.facts.language, self.text, &mut self.scratch.fasttext)
    }

    /// The weight of a collection, and that corrected for the length, where there are counts.
    pub(crate) fn weight(&mut self, collection: Collection) -> Option<(f64, f64)> {
        let find = || self.lists.trained().weight(collection, self.facts.language, self.text);
        *self.weights[collection as usize].get_or_insert_with(find)
    }

    /// Dolma's attributes, computed when the first of them is asked for.
    pub(crate) fn dolma(&mut self) -> &GopherAttributes {
        self.dolma.get_or_insert_with(|| GopherAttributes::of(self.text))
    }

    /// The repeated n-grams of normalised words.
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
