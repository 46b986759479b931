//! Supervised fastText models, trained from labelled texts and written as fastText's own `.bin` and
//! `.ftz` files.
//!
//! The crate `fasttext`, a port of facebookresearch/fastText 0.9.2, does the training. This module
//! prepares the texts and evaluates the model:
//!
//! * A part of the texts, chosen by their hash, is held out to evaluate the finished model, with the
//!   reader that applies models elsewhere (`models::fasttext`).
//! * The other texts are ordered by their hash. Training processes them one by one, and would forget
//!   the first label while it learns the last if they were sorted by label.
//! * Words that begin with `__label__` are removed, since they would be taken for labels, and so is
//!   the text after the word `</s>`. Prediction ignores the same.
//!
//! With one thread the same texts, in any order, and the same seed make the same file on CPUs of one
//! kind. Sums use the widest available instructions, so the last bits of weights may differ on another
//! kind.

mod examples;
#[cfg(test)]
mod tests;

use crate::Progress;
use crate::error::TrainingError;
use durable::AtomicFile;
use examples::{Example, Examples};
use fasttext::args::{Args, LossName, ModelName};
use models::ModelError;
use models::fasttext::{FastText, Scratch};
use std::path::{Path, PathBuf};

/// The prefix of a label in training texts.
pub(crate) const LABEL_PREFIX: &str = "__label__";

/// The loss function of the output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Exact softmax over all labels, for few labels.
    Softmax,
    /// Hierarchical softmax, by a tree, for many labels.
    HierarchicalSoftmax,
}

/// Options of quantization, for a `.ftz` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantization {
    /// Number of words and n-grams to keep, those with the largest weights; 0 keeps all.
    pub features_max: usize,
    /// Whether to train again with the kept words and n-grams.
    pub retrain: bool,
    /// Whether to store the norm of weights separately from their direction.
    pub norms: bool,
    /// Number of weights that share a code. fastText's default is 2.
    pub weights_per_code: usize,
}

/// Options of the training. [`Options::default`] has the defaults of `fasttext supervised` 0.9.2;
/// [`crate::classifier`] and [`crate::lid`] have those of the recipe.
#[derive(Clone, Debug)]
pub struct Options {
    /// Length of the vectors. Default 100.
    pub dimension: usize,
    /// Passes over the texts. Default 5.
    pub epochs: usize,
    /// Initial learning rate. Default 0.1.
    pub learning_rate: f64,
    /// Words seen fewer times are ignored. Default 1.
    pub word_count_min: usize,
    /// Longest word n-gram that is a feature. Default 1: only words.
    pub word_ngrams: usize,
    /// Shortest and longest character n-gram of a word that is a feature. Default 0, 0: none.
    pub char_ngrams: (usize, usize),
    /// Number of rows that n-grams share by their hash. Default 2,000,000.
    pub buckets: usize,
    /// Default [`Loss::Softmax`].
    pub loss: Loss,
    /// Default 0.
    pub seed: u32,
    /// Threads. With more than one, training is faster, and not reproducible. Default 1; upstream has
    /// 12.
    pub threads: usize,
    /// Share of the texts that is held out, 0 to 0.9. Default 0.1.
    pub held_out: f64,
    /// Default: none.
    pub quantization: Option<Quantization>,
    /// Folder for temporary files, about twice the size of the texts. Default: the system's folder.
    pub temporary_folder: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dimension: 100,
            epochs: 5,
            learning_rate: 0.1,
            word_count_min: 1,
            word_ngrams: 1,
            char_ngrams: (0, 0),
            buckets: 2_000_000,
            loss: Loss::Softmax,
            seed: 0,
            threads: 1,
            held_out: 0.1,
            quantization: None,
            temporary_folder: std::env::temp_dir(),
        }
    }
}

/// Counts of the texts, and results of the model on the held-out texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The labels, sorted by name.
    pub labels: Vec<LabelSummary>,
}

/// The part of one label in a [`Summary`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSummary {
    /// Without `__label__`.
    pub label: String,
    /// Texts trained on.
    pub trained: u64,
    /// Held-out texts.
    pub held_out: u64,
    /// Held-out texts, of any label, for which this label was predicted.
    pub found: u64,
    /// Held-out texts of this label for which it was predicted.
    pub right: u64,
}

impl LabelSummary {
    /// Share of the texts with this prediction that have the label; `None` if there are none.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.found)
    }

    /// Share of the texts with this label for which it was predicted; `None` if there are none.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.held_out)
    }
}

impl Summary {
    /// Share of the held-out texts with a correct prediction; `None` if there are none.
    pub fn accuracy(&self) -> Option<f64> {
        let sum = |part: fn(&LabelSummary) -> u64| self.labels.iter().map(part).sum();
        share(sum(|label| label.right), sum(|label| label.held_out))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Collects labelled texts in temporary files.
pub struct Trainer {
    options: Options,
    examples: Examples,
}

impl Trainer {
    /// A trainer with these options.
    ///
    /// # Errors
    /// If an option is out of range, or a temporary file cannot be written.
    pub fn new(options: Options) -> Result<Self, TrainingError> {
        check(&options)?;
        let examples = Examples::new(options.held_out, options.temporary_folder.clone())?;
        Ok(Self { options, examples })
    }

    /// Adds a text with its label, without `__label__`. Line ends in the text count as spaces.
    ///
    /// # Errors
    /// If the label is not a word, or a temporary file cannot be written.
    pub fn example(&mut self, label: &str, text: &str) -> Result<(), TrainingError> {
        self.examples.push(label, text)
    }

    /// Trains the model, writes it to `path`, and evaluates it on the held-out texts.
    ///
    /// # Errors
    /// If there are too few labels, training fails, or a file cannot be written.
    pub fn train(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, TrainingError> {
        self.train_and_try(path, progress, &mut |_, _, _| ())
    }

    /// [`Self::train`], which also passes on each held-out text: its label, the predicted label and its
    /// probability.
    pub(crate) fn train_and_try(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
        each: &mut dyn FnMut(&str, &str, f32),
    ) -> Result<Summary, TrainingError> {
        let Self { options, examples } = self;
        let (mut summary, sorted) = examples.sort()?;
        let trained = summary.labels.iter().filter(|label| label.trained > 0).count();
        if trained < 2 {
            let problem = format!("has {trained} labels to train on; a model needs two");
            return Err(TrainingError::Text(problem));
        }
        let total = Some(summary.labels.iter().map(|label| label.trained).sum());
        progress(Progress { stage: "training", done: 0, total });
        let args = args(&options, sorted.train.path());
        let mut model = fasttext::FastText::train(args.clone()).map_err(failed)?;
        if let Some(quantization) = options.quantization {
            progress(Progress { stage: "quantizing", done: 0, total: None });
            model.quantize(&quantize_args(args, quantization)).map_err(failed)?;
        }
        let write = || {
            let mut file = AtomicFile::create(path)?;
            model.save(&mut file).map_err(|error| std::io::Error::other(error.to_string()))?;
            file.finish()
        };
        let written = write().map_err(TrainingError::write(path))?;
        drop(model);

        let stage = "evaluating on held-out texts";
        let total = Some(summary.labels.iter().map(|label| label.held_out).sum());
        let model = FastText::open(written.temporary_path()).map_err(|error| match error {
            ModelError::Damaged { .. } => TrainingError::Training("the weights diverged".into()),
            other => TrainingError::Training(other.to_string()),
        })?;
        let mut scratch = Scratch::default();
        let mut done = 0;
        sorted.for_each_held_out(|Example { label, text }| {
            if done % 1024 == 0 {
                progress(Progress { stage, done, total });
            }
            done += 1;
            let best = model.predict_with(text, 1, &mut scratch).next();
            let Some((found, probability)) = best else { return };
            each(&summary.labels[label].label, found, probability);
            if let Ok(number) =
                summary.labels.binary_search_by(|other| other.label.as_str().cmp(found))
            {
                summary.labels[number].found += 1;
                summary.labels[number].right += u64::from(number == label);
            }
        })?;
        written.publish().map_err(TrainingError::write(path))?;
        Ok(summary)
    }
}

fn failed(error: fasttext::FastTextError) -> TrainingError {
    TrainingError::Training(error.to_string())
}

fn check(options: &Options) -> Result<(), TrainingError> {
    let setting = |name, value: String, expected: &'static str| {
        Err(TrainingError::Setting { name, value, expected: expected.into() })
    };
    let counts = [
        ("dimension", options.dimension, 1..=10_000, "it is from 1 to 10,000"),
        ("epochs", options.epochs, 1..=100_000, "it is from 1 to 100,000"),
        ("word_count_min", options.word_count_min, 0..=i32::MAX as usize, "it is too large"),
        ("word_ngrams", options.word_ngrams, 1..=64, "it is from 1 to 64"),
        ("buckets", options.buckets, 1..=1 << 30, "it is from 1 to 1,073,741,824"),
        ("threads", options.threads, 1..=1024, "it is from 1 to 1,024"),
    ];
    for (name, value, range, expected) in counts {
        if !range.contains(&value) {
            return setting(name, value.to_string(), expected);
        }
    }
    let (shortest, longest) = options.char_ngrams;
    if longest > 64 || shortest > longest || (shortest == 0) != (longest == 0) {
        let expected = "both are 0, or they are from 1 to 64 and in order";
        return setting("char_ngrams", format!("{:?}", options.char_ngrams), expected);
    }
    if !(options.learning_rate > 0.0 && options.learning_rate <= 100.0) {
        let expected = "it is above 0, at most 100";
        return setting("learning_rate", options.learning_rate.to_string(), expected);
    }
    if !(0.0..=0.9).contains(&options.held_out) {
        return setting("held_out", options.held_out.to_string(), "it is from 0 to 0.9");
    }
    if let Some(Quantization { weights_per_code, .. }) = options.quantization
        && !(1..=options.dimension).contains(&weights_per_code)
    {
        let expected = "it is from 1 to the dimension";
        return setting("weights_per_code", weights_per_code.to_string(), expected);
    }
    Ok(())
}

fn args(options: &Options, texts: &Path) -> Args {
    let has_ngrams = options.word_ngrams > 1 || options.char_ngrams.1 > 0;
    // In range: they are checked above.
    let int = |value: usize| value as i32;
    Args {
        input: texts.to_owned(),
        model: ModelName::Supervised,
        loss: match options.loss {
            Loss::Softmax => LossName::Softmax,
            Loss::HierarchicalSoftmax => LossName::HierarchicalSoftmax,
        },
        dim: int(options.dimension),
        epoch: int(options.epochs),
        lr: options.learning_rate,
        min_count: int(options.word_count_min),
        word_ngrams: int(options.word_ngrams),
        minn: int(options.char_ngrams.0),
        maxn: int(options.char_ngrams.1),
        // Rows that are never used would only make the file larger.
        bucket: if has_ngrams { int(options.buckets) } else { 0 },
        thread: int(options.threads),
        seed: options.seed as i32,
        label: LABEL_PREFIX.to_owned(),
        ..Args::default()
    }
}

fn quantize_args(args: Args, quantization: Quantization) -> Args {
    Args {
        cutoff: quantization.features_max,
        retrain: quantization.retrain,
        qnorm: quantization.norms,
        dsub: quantization.weights_per_code,
        ..args
    }
}
