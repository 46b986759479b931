//! Reads and runs fastText's supervised models with the results of its own program: `.bin`, and
//! `.ftz` with quantized weights and pruned n-grams.
//!
//! Upstream: facebookresearch/fastText 0.9.2. The most probable label is the same. Probabilities
//! agree to a few parts in 100 000 at worst, and to the last digit in nearly all texts: sums are in
//! single precision as upstream, but word by word, so that a cached word costs one addition. There
//! are two exceptions. Labels of equal probability may have another order. And one-vs-all looks its
//! probabilities up in a table with steps of up to 0.008, so a sum that differs in its last bit may
//! fall on the next step.
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

/// A supervised model, which predicts the most probable labels of a text.
pub struct FastText {
    /// Identifies the model to a [`Scratch`].
    id: u64,
    args: Args,
    dictionary: Dictionary,
    buckets: Buckets,
    input: Matrix,
    output: Output,
}

/// Reusable memory of a thread, so that predictions do not allocate: buffers, and a cache of the
/// sums of words, about 1 MiB if the model has character n-grams. It does not affect results.
#[derive(Default)]
pub struct Scratch {
    /// The model that filled `words`; 0 for none.
    model: u64,
    words: WordCache,
    word_hashes: Vec<i32>,
    bracketed: Vec<u8>,
    rows: Vec<u32>,
    hidden: Vec<f32>,
    ranking: Ranking,
}

impl FastText {
    /// Reads a model. The file is not trusted: memory is bounded by its size.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, is damaged, or is not a supervised model of a known
    /// version.
    ///
    /// ```no_run
    /// use models::fasttext::{FastText, Scratch};
    ///
    /// # fn main() -> Result<(), models::ModelError> {
    /// let model = FastText::open("lid.176.bin".as_ref())?;
    /// let mut scratch = Scratch::default();
    /// for text in ["Guten Morgen", "Good morning"] {
    ///     for (label, probability) in model.predict_with(text, 1, &mut scratch) {
    ///         println!("{text}: {label} {probability}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
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

    /// Reads a model of `len` bytes; `path` is for errors.
    fn read(inner: impl BufRead, len: u64, path: &Path) -> Result<Self, ModelError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);

        let reader = &mut ModelReader::new(inner, len, path);
        let args = Args::read(reader)?;
        let mut dictionary = Dictionary::read(reader)?;
        let quantized = reader.flag("flag of a quantized input")?;
        let input = Matrix::read(reader, quantized, args.dim)?;
        let pruned = dictionary.pruned.take();
        check_rows(reader, &args, &dictionary, pruned.as_deref(), &input)?;
        let quantized_output = reader.flag("flag of a quantized output")? && quantized;
        let weights = Matrix::read(reader, quantized_output, args.dim)?;
        let output = Output::new(args.loss, weights, &dictionary.label_counts)
            .map_err(|problem| reader.damaged(problem))?;

        let buckets = Buckets::new(args.bucket, pruned);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Self { id, args, dictionary, buckets, input, output })
    }

    /// Returns the model's labels, without their `__label__`.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.dictionary.labels.iter().map(String::as_str)
    }

    /// Returns the `k` most probable labels and their probabilities, best first, without their
    /// `__label__`. Line ends count as blanks: the text is one example. As in fastText, a label
    /// below one in 100 000 may be missing, a probability may exceed 1 by as much, and a text
    /// without any known feature has no label.
    ///
    /// Allocates a [`Scratch`]; for more than a few texts use [`Self::predict_with`].
    pub fn predict(&self, text: &str, k: usize) -> Vec<(&str, f32)> {
        self.predict_with(text, k, &mut Scratch::default()).collect()
    }

    /// [`Self::predict`] with reused memory. A scratch of another model is cleared first.
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

/// Checks that every row that a text can need exists.
fn check_rows<R: BufRead>(
    reader: &ModelReader<'_, R>,
    args: &Args,
    dictionary: &Dictionary,
    pruned: Option<&[(u32, u32)]>,
    input: &Matrix,
) -> Result<(), ModelError> {
    if pruned.is_some() && args.bucket > PRUNED_BUCKETS_MAX {
        let problem = format!(
            "a pruned model has {} buckets, the limit is {PRUNED_BUCKETS_MAX}",
            args.bucket
        );
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
