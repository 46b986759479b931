//! SentencePiece models of the unigram kind, trained from text and written as `.sp.model` files that
//! SentencePiece itself reads.
//!
//! Upstream: google/sentencepiece 0.2, after Kudo, "Subword Regularization" (2018). The steps and
//! their numbers are those of `unigram_model_trainer.cc`, but some pieces differ:
//!
//! * All text is used, as distinct words. SentencePiece skips lines of more than 4,192 bytes.
//! * Sums are in double precision, and ties are broken by the characters of the pieces, so that the
//!   same text makes the same file.
//! * The end of a repeated word is a candidate even if the same space always follows it.
//!
//! Memory: the distinct words and, while candidates are collected, 32 bytes for each of their
//! characters.
//!
//! * `normalization`: rewrites the text, by rules that are stored in the model.
//! * `segments`: cuts words where a piece must not continue.
//! * `seeds`: collects repeated strings as the initial pieces.
//! * `lattice`: all ways to cut a text into pieces.
//! * `unigram`: probabilities of pieces, and which to keep.
//! * `model`, `double_array`: the file, and the form of the rules in it.

mod double_array;
mod lattice;
mod model;
mod normalization;
mod seeds;
mod segments;
#[cfg(test)]
mod tests;
mod unigram;

pub use normalization::Normalization;

use crate::Progress;
use crate::error::TrainingError;
use crate::strings::Strings;
use normalization::Rules;
use segments::Segments;
use std::io::BufRead;
use std::path::Path;

/// The symbol for a space in pieces: `▁`.
const PIECE_BLANK: char = '\u{2581}';

/// Options of the training. The defaults are CCNet's (`Makefile`: `spm_train --vocab_size=65536
/// --character_coverage=0.9995 --model_type=unigram`), except for the hard limit; the others are
/// SentencePiece's.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pieces with `<unk>`, `<s>` and `</s>`. Default 65,536.
    pub vocabulary: usize,
    /// Whether a text with too few pieces is an error; if not, the model has fewer. Default false;
    /// CCNet has true, and retries with 40,000.
    pub hard_limit: bool,
    /// Share of the text's characters that have their own piece; rarer ones are unknown.
    /// Default 0.9995.
    pub character_coverage: f64,
    /// Default [`Normalization::NmtNfkc`].
    pub normalization: Normalization,
    /// Longest piece in characters, including its space. Default 16.
    pub piece_chars_max: usize,
    /// Number of initial pieces. Default 1,000,000.
    pub seeds_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            vocabulary: 65_536,
            hard_limit: false,
            character_coverage: 0.9995,
            normalization: Normalization::default(),
            piece_chars_max: 16,
            seeds_max: 1_000_000,
        }
    }
}

/// Counts of the text and the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Words of the text.
    pub words: u64,
    /// Distinct words.
    pub types: u64,
    /// Characters with their own piece.
    pub alphabet: u64,
    /// Share of the text that these cover.
    pub coverage: f64,
    /// Pieces of the model, with the three special ones.
    pub pieces: u64,
}

/// Trains a model from lines of text and writes it to `path`.
///
/// # Errors
/// If an option is out of range, the text is unsuitable, or a file cannot be read or written.
pub fn train(
    mut text: impl BufRead,
    options: Options,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, TrainingError> {
    let mut trainer = Trainer::new(options)?;
    let mut line = Vec::new();
    for done in 0.. {
        line.clear();
        let read = text.read_until(b'\n', &mut line);
        if read.map_err(|source| TrainingError::Read { line: done, source })? == 0 {
            break;
        }
        let text = str::from_utf8(&line).map_err(|error| {
            TrainingError::line(done + 1, format!("not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        trainer.text(text)?;
        if done.is_multiple_of(1 << 14) {
            progress(Progress { stage: "counting words", done, total: None });
        }
    }
    trainer.train(path, progress)
}

/// Counts the words of texts added one by one.
pub struct Trainer {
    options: Options,
    rules: Option<&'static Rules>,
    words: Strings,
    counts: Vec<u64>,
}

impl Trainer {
    /// A trainer with these options.
    ///
    /// # Errors
    /// If an option is out of range.
    pub fn new(options: Options) -> Result<Self, TrainingError> {
        check(&options)?;
        let rules = options.normalization.rules();
        Ok(Self { options, rules, words: Strings::new(), counts: Vec::new() })
    }

    /// Adds a text. Line ends and NUL count as spaces.
    ///
    /// # Errors
    /// If there are too many distinct words.
    pub fn text(&mut self, text: &str) -> Result<(), TrainingError> {
        let normal = self.rules.map(|rules| rules.normalize(text));
        let text = normal.as_deref().unwrap_or(text);
        for word in text.split([' ', '\n', '\0', PIECE_BLANK]).filter(|word| !word.is_empty()) {
            let Some(number) = self.words.number(word) else {
                let problem =
                    "has more than 4,294,967,295 different words; train on a sample of it";
                return Err(TrainingError::Text(problem.into()));
            };
            match self.counts.get_mut(number as usize) {
                Some(count) => *count += 1,
                None => self.counts.push(1),
            }
        }
        Ok(())
    }

    /// Trains the model and writes it to `path`.
    ///
    /// # Errors
    /// If the text is too small, or a file cannot be written.
    pub fn train(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, TrainingError> {
        let Self { options, rules, words, counts } = self;
        if counts.is_empty() {
            return Err(TrainingError::Text("has no words".into()));
        }
        let segments = Segments::new(&words, &counts, options.character_coverage)?;
        let (words, types) = (counts.iter().sum(), counts.len() as u64);
        let alphabet = segments.alphabet.len() as u64;
        let pieces_max = options.vocabulary.saturating_sub(model::SPECIAL.len());
        if segments.alphabet.len() > pieces_max {
            let needed = segments.alphabet.len() + model::SPECIAL.len();
            let expected = format!(
                "at least {needed} are needed: one for each of the {alphabet} characters of the \
                 text, and {} special ones",
                model::SPECIAL.len()
            );
            return Err(TrainingError::Setting {
                name: "vocabulary",
                value: options.vocabulary.to_string(),
                expected: expected.into(),
            });
        }
        let pieces = unigram::train(&segments, pieces_max, &options, progress);
        if options.hard_limit && pieces.len() < pieces_max {
            let found = pieces.len() + model::SPECIAL.len();
            let problem = format!(
                "has only {found} pieces where {} are asked for; set fewer, or no hard limit",
                options.vocabulary
            );
            return Err(TrainingError::Text(problem));
        }
        let text = |piece: &lattice::Piece| {
            let numbers = piece.text.of(&segments.chars).iter();
            numbers.map(|number| segments.alphabet[*number as usize - 1]).collect()
        };
        let pieces: Vec<(String, f32)> =
            pieces.iter().map(|piece| (text(piece), piece.score as f32)).collect();
        let file = model::encode(&pieces, &options, rules);
        durable::write(path, &file).map_err(TrainingError::write(path))?;
        let pieces = (pieces.len() + model::SPECIAL.len()) as u64;
        Ok(Summary { words, types, alphabet, coverage: segments.coverage, pieces })
    }
}

fn check(options: &Options) -> Result<(), TrainingError> {
    let setting = |name, value: String, expected: &'static str| {
        Err(TrainingError::Setting { name, value, expected: expected.into() })
    };
    let Options { vocabulary, character_coverage, piece_chars_max, seeds_max, .. } = options;
    if !(0.0..=1.0).contains(character_coverage) || *character_coverage == 0.0 {
        let expected = "a coverage is more than 0, at most 1";
        return setting("character_coverage", character_coverage.to_string(), expected);
    }
    if !(1..=512).contains(piece_chars_max) {
        return setting("piece_chars_max", piece_chars_max.to_string(), "a piece has 1 to 512");
    }
    if *vocabulary > i32::MAX as usize {
        return setting("vocabulary", vocabulary.to_string(), "at most 2,147,483,647");
    }
    if seeds_max < vocabulary {
        let expected = "it cannot be less than the vocabulary";
        return setting("seeds_max", seeds_max.to_string(), expected);
    }
    Ok(())
}
