//! N-gram language models with modified Kneser-Ney smoothing, estimated as KenLM's `lmplz` does and
//! written as ARPA text, plain or gzip.
//!
//! Upstream: kpu/kenlm `lm/builder`, after Chen and Goodman, "An Empirical Study of Smoothing
//! Techniques for Language Modeling" (1998), and Heafield et al., "Scalable Modified Kneser-Ney
//! Language Model Estimation" (2013). The file is that of `lmplz`: the same n-grams in the same order
//! with the same numbers, since all sums are in single precision in the same order. Differences:
//!
//! * A number halfway between two shortest decimals may be written as the other one, which parses to
//!   the same number. This affects about one in 200,000.
//! * A last line without a line end is a normal line; `lmplz` drops its end.
//! * `</s>` is never pruned; `lmplz` prunes it in texts of a few lines and then computes nonsense.
//! * The logarithm of zero is written `-99`, not `-inf`.
//! * Text without any line is rejected.
//!
//! Memory is bounded by [`Options::memory_bytes`], except for the vocabulary. The steps:
//!
//! * `vocabulary`: tokens become numbers.
//! * `grams`: n-grams are sorted, in memory or through temporary files.
//! * `counts`: adjusted counts of all orders from the sorted longest n-grams.
//! * `discounts`: the part of a count that is reserved for unseen n-grams.
//! * `estimate`: probabilities of n-grams in their context, interpolated with shorter contexts.
//! * `arpa`: the file.

mod arpa;
mod counts;
mod discounts;
mod estimate;
mod grams;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use discounts::{Discounts, Statistics};

use crate::Progress;
use crate::error::TrainingError;
use crate::strings::Strings;
use arpa::Section;
use grams::{Gram, ORDER_MAX, Sorter};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use vocabulary::{BEGIN, END, SPECIAL, vocabulary};

/// N-grams or lines between progress reports.
const REPORT_EVERY: u64 = 1 << 16;

/// Options of the estimation. The defaults are CCNet's (`Makefile`: `lmplz -o 5
/// --discount_fallback`), and beyond these those of `lmplz`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest n-grams, 1 to 6. Default 5.
    pub order: usize,
    /// N-grams seen at most this often are pruned: one threshold for each order from 1; the last one
    /// applies to all higher orders. Thresholds must not decrease. Default: none are pruned.
    pub prune: Vec<u64>,
    /// Discounts for orders whose counts are too few or too uniform; `None` makes that an error.
    /// Default 0.5, 1, 1.5.
    pub discount_fallback: Option<[f32; 3]>,
    /// Whether the reserved probability of unigrams is distributed over all words; if not, it all goes
    /// to `<unk>`, as in SRILM. Default true.
    pub interpolate_unigrams: bool,
    /// Whether `<s>`, `</s>` and `<unk>` in the text count as spaces; if not, they are an error.
    /// Default false.
    pub skip_symbols: bool,
    /// Memory for sorting, at least 1 MiB. Beyond it, temporary files are used. Default 1 GiB.
    pub memory_bytes: usize,
    /// Folder for temporary files, several times the size of the text. Default: the system's folder.
    pub temporary_folder: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            order: 5,
            prune: Vec::new(),
            discount_fallback: Some([0.5, 1.0, 1.5]),
            interpolate_unigrams: true,
            skip_symbols: false,
            memory_bytes: 1 << 30,
            temporary_folder: std::env::temp_dir(),
        }
    }
}

/// Counts of the text and the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Sentences read, one a line.
    pub sentences: u64,
    /// Tokens read, without `<s>` and `</s>`.
    pub tokens: u64,
    /// Different tokens, with `<unk>`, `<s>` and `</s>`.
    pub types: u64,
    /// Counts of n-grams and discounts, from order 1.
    pub orders: Vec<(Statistics, Discounts)>,
}

/// Estimates a model from lines of tokens separated by spaces, and writes it to `path`, compressed if
/// the path ends in `.gz`.
///
/// # Errors
/// If an option is out of range, the text is unsuitable, or a file cannot be read or written.
pub fn estimate(
    mut text: impl BufRead,
    options: Options,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, TrainingError> {
    let mut counter = Counter::new(options)?;
    let mut line = Vec::new();
    loop {
        let done = counter.sentences;
        line.clear();
        let read = text.read_until(b'\n', &mut line);
        if read.map_err(|source| TrainingError::Read { line: done, source })? == 0 {
            return counter.estimate(path, progress);
        }
        let sentence = str::from_utf8(&line).map_err(|error| {
            TrainingError::line(done + 1, format!("not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        counter.sentence(sentence)?;
        if done.is_multiple_of(REPORT_EVERY) {
            progress(Progress { stage: "counting n-grams", done, total: None });
        }
    }
}

/// Counts the n-grams of sentences added one by one, for texts that are not in a file.
pub struct Counter {
    options: Options,
    prune: Vec<u64>,
    vocabulary: Strings,
    sorter: Sorter,
    sentences: u64,
    tokens: u64,
}

impl Counter {
    /// A counter with these options.
    ///
    /// # Errors
    /// If an option is out of range, or a temporary file cannot be written.
    pub fn new(options: Options) -> Result<Self, TrainingError> {
        let prune = check(&options)?;
        // The sorted n-grams are in memory while those of all orders are collected.
        let memory = options.memory_bytes / 2;
        let sorter = grams::sorter(options.order, memory, &options.temporary_folder);
        let vocabulary = vocabulary();
        Ok(Self { options, prune, vocabulary, sorter, sentences: 0, tokens: 0 })
    }

    /// Adds one sentence: tokens separated by spaces. Spaces are those of `lmplz`: space, tab, line
    /// ends and NUL. A sentence without tokens counts as `<s>` followed by `</s>`.
    ///
    /// # Errors
    /// If the sentence has a special token, or a temporary file cannot be written.
    pub fn sentence(&mut self, sentence: &str) -> Result<(), TrainingError> {
        self.sentences += 1;
        let order = self.options.order;
        let mut words = [0; ORDER_MAX];
        words[1..order].fill(BEGIN);
        for token in sentence.split([' ', '\t', '\n', '\r', '\0']) {
            if token.is_empty() {
                continue;
            }
            if SPECIAL.contains(&token) {
                if self.options.skip_symbols {
                    continue;
                }
                let problem = format!(
                    "the token {token} has a meaning of its own; remove it, or skip symbols"
                );
                return Err(TrainingError::line(self.sentences, problem));
            }
            let number = self.vocabulary.number(token);
            words[0] = number.ok_or_else(|| {
                TrainingError::line(self.sentences, "more than 4,294,967,295 different tokens")
            })?;
            self.tokens += 1;
            self.count(&mut words)?;
        }
        words[0] = END;
        self.count(&mut words)
    }

    /// Counts an n-gram, and shifts it to become the context of the next word.
    fn count(&mut self, words: &mut [u32; ORDER_MAX]) -> Result<(), TrainingError> {
        let pushed = self.sorter.push(Gram { words: *words, value: 1 });
        words[..self.options.order].rotate_right(1);
        pushed.map_err(TrainingError::temporary(&self.options.temporary_folder))
    }

    /// Estimates the model and writes it to `path`, compressed if the path ends in `.gz`.
    ///
    /// # Errors
    /// If the text is unsuitable, or a file cannot be read or written.
    pub fn estimate(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, TrainingError> {
        if self.sentences == 0 {
            return Err(TrainingError::Text("is empty: there is no line in it".into()));
        }
        let Self { options, prune, vocabulary, sorter, sentences, tokens } = self;
        let folder = &options.temporary_folder;
        let on_disk = TrainingError::temporary(folder);

        let (grams, statistics) = adjusted(sorter, &prune, &options, progress).map_err(&on_disk)?;
        let mut orders = Vec::new();
        let mut shares = Vec::new();
        for (index, (mut grams, statistics)) in grams.into_iter().zip(statistics).enumerate() {
            let order = index + 1;
            let stage = "estimating probabilities";
            progress(Progress { stage, done: index as u64, total: Some(options.order as u64) });
            let discounts = Discounts::estimate(order, &statistics, options.discount_fallback)?;
            let memory = memory_of(order, &options);
            let of_order = estimate::shares(
                order,
                &mut grams,
                &discounts,
                options.interpolate_unigrams,
                memory,
                folder,
            );
            shares.push(of_order.map_err(&on_disk)?);
            orders.push((statistics, discounts));
        }
        // All words but `<s>`, which is never predicted.
        let uniform = 1.0 / (orders[0].0.kept - 1) as f32;
        let total = orders.iter().map(|(statistics, _)| statistics.kept).sum();
        let sections = interpolated(shares, uniform, &vocabulary, folder, total, progress);
        arpa::write(path, sections.map_err(&on_disk)?)?;
        Ok(Summary { sentences, tokens, types: vocabulary.len() as u64, orders })
    }
}

/// The thresholds of all orders.
fn check(options: &Options) -> Result<Vec<u64>, TrainingError> {
    let setting = |name, value: String, expected: &'static str| TrainingError::Setting {
        name,
        value,
        expected: expected.into(),
    };
    let order = options.order;
    if !(1..=ORDER_MAX).contains(&order) {
        return Err(setting("order", order.to_string(), "an order is from 1 to 6"));
    }
    let prune = &options.prune;
    if prune.len() > order || !prune.is_sorted() {
        let expected = "at most one number for each order, none less than the one before";
        return Err(setting("prune", format!("{prune:?}"), expected));
    }
    if let Some(fallback) = options.discount_fallback {
        let is_sound = |(index, amount): (usize, f32)| (0.0..=(index + 1) as f32).contains(&amount);
        if !fallback.into_iter().enumerate().all(is_sound) {
            let expected = "a count of 1, 2, 3 can lose at most 1, 2, 3";
            return Err(setting("discount_fallback", format!("{fallback:?}"), expected));
        }
    }
    if options.memory_bytes < 1 << 20 {
        let expected = "sorting needs 1 MiB";
        return Err(setting("memory_bytes", options.memory_bytes.to_string(), expected));
    }
    let last = prune.last().copied().unwrap_or(0);
    Ok(prune.iter().copied().chain(std::iter::repeat(last)).take(order).collect())
}

/// The part of half the memory for the n-grams of an order: higher orders have more and larger ones.
fn memory_of(order: usize, options: &Options) -> usize {
    let all: usize = (1..=options.order).sum();
    options.memory_bytes / 2 / all * order
}

/// The n-grams of each order with adjusted counts, sorted by context.
fn adjusted(
    sorter: Sorter,
    prune: &[u64],
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> std::io::Result<(Vec<grams::Sorted>, Vec<Statistics>)> {
    let folder = &options.temporary_folder;
    let new = |order| grams::sorter(order, memory_of(order, options), folder);
    let mut sorters: Vec<Sorter> = (1..=options.order).map(new).collect();
    let mut done = 0;
    let statistics = counts::adjust(&mut sorter.finish()?, prune, &mut |order, gram| {
        done += 1;
        if done % REPORT_EVERY == 0 {
            progress(Progress { stage: "adjusting counts", done, total: None });
        }
        sorters[order - 1].push(gram.by_context(order))
    })?;
    let sorted: std::io::Result<_> = sorters.into_iter().map(Sorter::finish).collect();
    Ok((sorted?, statistics))
}

fn interpolated(
    shares: Vec<estimate::Shares>,
    uniform: f32,
    vocabulary: &Strings,
    folder: &Path,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> std::io::Result<Vec<Section>> {
    let order = shares.len();
    let new = |n| Section::create(n, n < order, folder);
    let mut sections: Vec<Section> = (1..=order).map(new).collect::<Result<_, _>>()?;
    let mut done = 0;
    estimate::interpolate(shares, uniform, &mut |n, gram, probability, backoff| {
        done += 1;
        if done % REPORT_EVERY == 0 {
            progress(Progress { stage: "writing the model", done, total: Some(total) });
        }
        sections[n - 1].push(gram, probability, backoff, vocabulary)
    })?;
    debug_assert_eq!(sections.iter().map(Section::grams).sum::<u64>(), total);
    Ok(sections)
}
