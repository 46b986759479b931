//! The classifier that prefers pages resembling those to which Wikipedia refers.
//!
//! Upstream: RedPajama-Data `rp_v1`, `data_prep/cc/classifier`: `create_corpus.py`, then `fasttext
//! supervised` with its defaults. Differences:
//!
//! * Texts are ordered by their hash, not by label, and one thread trains instead of twelve, so that
//!   the model is reproducible.
//! * A tenth of the texts is held out.
//!
//! A text becomes one line as upstream and in scoring: stripped, its lines joined by a space.

use crate::Progress;
use crate::error::TrainingError;
use crate::supervised::{self, Summary};
use std::path::Path;
use text::python::strip;

/// Options of the training.
#[derive(Clone, Debug)]
pub struct Options {
    /// Default `wiki`.
    pub positive_label: String,
    /// Default `cc`.
    pub negative_label: String,
    /// Positive texts with fewer characters are skipped. Default 1,000 (`create_corpus.py`, which has
    /// no limit for negative texts).
    pub positive_chars_min: usize,
    /// Default: the options of `fasttext supervised`.
    pub supervised: supervised::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            positive_label: "wiki".into(),
            negative_label: "cc".into(),
            positive_chars_min: 1000,
            supervised: supervised::Options::default(),
        }
    }
}

/// Precision and recall if texts with at least this score are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Probability of the positive label; the recipe keeps from 0.25.
    pub threshold: f64,
    /// Share of the kept texts that are positive; `None` if none is kept.
    pub precision: Option<f64>,
    /// Share of the positive texts that are kept; `None` if there are none.
    pub recall: Option<f64>,
}

/// Results of the classifier on the held-out texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Counts by label.
    pub summary: Summary,
    /// Positive texts that were too short.
    pub too_short: u64,
    /// Thresholds 0.00, 0.01 to 1.00.
    pub curve: Vec<Point>,
}

/// Collects texts of both kinds.
pub struct Trainer {
    options: Options,
    trainer: supervised::Trainer,
    too_short: u64,
}

impl Trainer {
    /// A trainer with these options.
    ///
    /// # Errors
    /// If an option is out of range, or a temporary file cannot be written.
    pub fn new(options: Options) -> Result<Self, TrainingError> {
        if options.positive_label == options.negative_label {
            let value = options.negative_label;
            let expected = "it has to differ from the positive label".into();
            return Err(TrainingError::Setting { name: "negative_label", value, expected });
        }
        let trainer = supervised::Trainer::new(options.supervised.clone())?;
        Ok(Self { options, trainer, too_short: 0 })
    }

    /// Adds a positive text, unless it is too short.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn positive(&mut self, text: &str) -> Result<(), TrainingError> {
        if text.chars().count() < self.options.positive_chars_min {
            self.too_short += 1;
            return Ok(());
        }
        self.trainer.example(&self.options.positive_label, &one_line(text))
    }

    /// Adds a negative text.
    ///
    /// # Errors
    /// If a temporary file cannot be written.
    pub fn negative(&mut self, text: &str) -> Result<(), TrainingError> {
        self.trainer.example(&self.options.negative_label, &one_line(text))
    }

    /// Trains the classifier, writes it to `path`, and tests it on the held-out texts.
    ///
    /// # Errors
    /// If a kind of text is missing, training fails, or a file cannot be written.
    pub fn train(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, TrainingError> {
        let positive_label = self.options.positive_label;
        let mut scores: Vec<(f32, bool)> = Vec::new();
        let summary =
            self.trainer.train_and_try(path, progress, &mut |label, found, probability| {
                let score = if found == positive_label { probability } else { 1.0 - probability };
                scores.push((score, label == positive_label));
            })?;
        let curve = curve(&mut scores);
        Ok(Outcome { summary, too_short: self.too_short, curve })
    }
}

/// Returns a page as one line (`create_corpus.py`): Python's `strip`, then `splitlines` joined by a
/// space.
pub fn one_line(text: &str) -> String {
    let text = strip(text).replace("\r\n", "\n");
    let is_line_end = |c: char| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    text.replace(is_line_end, " ")
}

fn curve(scores: &mut [(f32, bool)]) -> Vec<Point> {
    scores.sort_by(|left, right| left.0.total_cmp(&right.0));
    let positive_from = |first: usize| scores[first..].iter().filter(|(_, is)| *is).count();
    let positive = positive_from(0);
    let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let point = |percent: u32| {
        let threshold = f64::from(percent) / 100.0;
        // A probability may be slightly above 1, and a score then slightly below 0.
        let first = match percent {
            0 => 0,
            _ => scores.partition_point(|(score, _)| f64::from(*score) < threshold),
        };
        let kept = positive_from(first);
        let (precision, recall) = (share(kept, scores.len() - first), share(kept, positive));
        Point { threshold, precision, recall }
    };
    (0..=100).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_one_line_as_python_makes_it() {
        for (text, expected) in [
            ("\u{a0} a\r\nb\rc\n\nd \n", "a b c  d"),
            ("a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f\u{85}g\u{2028}h\u{2029}i", "a b c d e f g h i"),
            ("a\u{1f}b\tc", "a\u{1f}b\tc"),
            (" \n ", ""),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_curve_counts_what_a_threshold_keeps() {
        let mut scores = [(0.9, true), (0.2, false), (0.6, false), (0.3, true), (-0.00001, false)];
        let curve = curve(&mut scores);
        assert_eq!(curve.len(), 101);
        let at = |percent: usize| (curve[percent].precision, curve[percent].recall);
        assert_eq!(at(0), (Some(0.4), Some(1.0)));
        assert_eq!(at(1), (Some(0.5), Some(1.0)));
        assert_eq!(at(25), (Some(2.0 / 3.0), Some(1.0)));
        assert_eq!(at(50), (Some(0.5), Some(0.5)));
        assert_eq!(at(95), (None, Some(0.0)));
        assert_eq!(
            super::curve(&mut [])[0],
            Point { threshold: 0.0, precision: None, recall: None }
        );
    }

    #[test]
    fn short_texts_to_prefer_are_passed_over_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wiki.bin");
        let supervised = supervised::Options { dimension: 8, ..Default::default() };
        let mut trainer =
            Trainer::new(Options { supervised, ..Options::default() }).expect("sound options");
        for page in 0..200 {
            trainer
                .positive(&format!("the river {page}\nflows to the sea ").repeat(50))
                .expect("disk space");
            trainer.positive("short").expect("disk space");
            trainer.negative(&format!("buy {page} now")).expect("disk space");
        }
        let outcome = trainer.train(&path, &mut |_| ()).expect("a model");
        assert_eq!(outcome.too_short, 200);
        let [cc, wiki] = &outcome.summary.labels[..] else { panic!("two labels") };
        assert_eq!((cc.label.as_str(), wiki.label.as_str()), ("cc", "wiki"));
        assert_eq!((cc.trained + cc.held_out, wiki.trained + wiki.held_out), (200, 200));
        assert!(wiki.held_out > 5 && wiki.held_out < 40);
        assert_eq!(outcome.curve[0].recall, Some(1.0));
        assert!(outcome.curve[25].precision.is_some_and(|precision| precision > 0.9));
    }
}
