//! fastText's supervised models, read from its own files and run as its own program runs them:
//! `.bin`, and `.ftz` with quantised weights and pruned n-grams.
//!
//! Upstream: facebookresearch/fastText 0.9.2. The likeliest label is the same, and probabilities
//! agree to a few parts in 100 000 at worst, in nearly all texts to the last digit: all is summed
//! in single precision as there, but word by word, so that a word seen before costs one addition.
//! Two exceptions. Where several labels have one probability, their order is ours. And one-vs-all
//! looks its probabilities up in a table with steps of up to 0.008, so that a sum which differs in
//! its last bit may fall on the next step.
//!
//! * `args`, `dictionary`, `matrix`: the parts of a model file, checked as they are read.
//! * `buckets`, `features`: from a text to rows of the input matrix and their average.
//! * `output`: from the average to the labels.

mod args;
mod buckets;
mod dictionary;
mod features;
mod matrix;
mod output;
#[cfg(test)]
mod tests;

use crate::ModelError;
use crate::reader::ModelReader;
use args::Args;
use buckets::{Buckets, PRUNED_BUCKETS_MAX};
use dictionary::Dictionary;
use features::WordCache;
use matrix::Matrix;
use output::{Output, Ranking};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// A supervised model: give it a text, it names the likeliest labels.
pub struct FastText {
    /// Tells a [`Scratch`] made for another model.
    id: u64,
    args: Args,
    dictionary: Dictionary,
    buckets: Buckets,
    input: Matrix,
    output: Output,
}

/// What a thread keeps between predictions, so that they allocate nothing: buffers, and the sums of
/// words seen lately, about 1 MiB where the model has character n-grams. It never changes a result.
#[derive(Default)]
pub struct Scratch {
    /// The model that `words` was filled by; 0 for none.
    model: u64,
    words: WordCache,
    word_hashes: Vec<i32>,
    rows: Vec<u32>,
    hidden: Vec<f32>,
    ranking: Ranking,
}

impl FastText {
    /// Reads a model. The file may be damaged or hostile; it is held to its own size.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let open = || {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) =
            open().map_err(|source| ModelError::Open { path: path.to_owned(), source })?;
        Self::read(BufReader::with_capacity(1 << 16, file), len, path)
    }

    /// Reads a model of `len` bytes; `path` is named in errors.
    fn read(inner: impl BufRead, len: u64, path: &Path) -> Result<Self, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let reader = &mut ModelReader::new(inner, len, path);
        let args = Args::read(reader)?;
        let mut dictionary = Dictionary::read(reader)?;
        let quantized = reader.flag("mark of a quantised input")?;
        let input = Matrix::read(reader, quantized, args.dim)?;
        let pruned = dictionary.pruned.take();
        check_rows(reader, &args, &dictionary, pruned.as_deref(), &input)?;
        let quantized_output = reader.flag("mark of a quantised output")? && quantized;
        let weights = Matrix::read(reader, quantized_output, args.dim)?;
        let output = Output::new(args.loss, weights, &dictionary.label_counts)
            .map_err(|problem| reader.damaged(problem))?;

        let buckets = Buckets::new(args.bucket, pruned);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Self { id, args, dictionary, buckets, input, output })
    }

    /// The labels it may give, without their `__label__`.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.dictionary.labels.iter().map(String::as_str)
    }

    /// The `k` likeliest labels, best first, without their `__label__`. Line ends count as blanks:
    /// the text is one example. As in fastText a label of less than one in 100 000 may be missing,
    /// a probability may exceed 1 by as much, and a text without any known feature gets no label.
    ///
    /// Makes a [`Scratch`] of its own; for more than a few texts use [`Self::predict_with`].
    pub fn predict(&self, text: &str, k: usize) -> Vec<(&str, f32)> {
        self.predict_with(text, k, &mut Scratch::default()).collect()
    }

    /// [`Self::predict`] without allocation. A scratch that served another model is cleared first.
    pub fn predict_with<'m>(
        &'m self,
        text: &str,
        k: usize,
        scratch: &mut Scratch,
    ) -> impl Iterator<Item = (&'m str, f32)> {
        if scratch.model != self.id {
            scratch.model = self.id;
            scratch.words = match self.args.maxn {
                0 => WordCache::default(),
                _ => WordCache::new(self.input.dim()),
            };
        }
        scratch.ranking.clear(k);
        if self.average_features(text, scratch) {
            self.output.rank(&scratch.hidden, &mut scratch.ranking);
        }
        let label = |label: u32| self.dictionary.labels[label as usize].as_str();
        scratch.ranking.best().iter().map(move |(score, id)| (label(*id), score.exp()))
    }
}

/// Every row that a text can ask for is there.
fn check_rows<R: BufRead>(
    reader: &ModelReader<'_, R>,
    args: &Args,
    dictionary: &Dictionary,
    pruned: Option<&[(u32, u32)]>,
    input: &Matrix,
) -> Result<(), ModelError> {
    if pruned.is_some() && args.bucket > PRUNED_BUCKETS_MAX {
        let problem = format!("{} buckets were pruned, {PRUNED_BUCKETS_MAX} at most", args.bucket);
        return Err(reader.damaged(problem));
    }
    let has_ngrams = args.maxn > 0 || args.word_ngrams > 1;
    let ngrams = match pruned {
        _ if !has_ngrams => 0,
        None => u64::from(args.bucket),
        Some(pruned) => pruned.iter().map(|(_, row)| u64::from(*row) + 1).max().unwrap_or(0),
    };
    let (rows, words) = (input.rows, u64::from(dictionary.words));
    if rows < words + ngrams {
        let problem = format!("{rows} input rows for {words} words and {ngrams} n-grams");
        return Err(reader.damaged(problem));
    }
    Ok(())
}
