//! Supervised fastText models, trained from labelled texts and written as fastText's own `.bin` and
//! `.ftz` files.
//!
//! Training is that of the crate `fasttext`, a port of facebookresearch/fastText 0.9.2; what is here
//! is what comes before and after it:
//!
//! * A part of the texts, chosen by their hash, is held out and tried on the finished model, with
//!   the reader that applies models elsewhere (`models::fasttext`).
//! * The others are put in an order by their hash. Training goes through them one by one, and would
//!   forget the first label over the last if they came sorted by label.
//! * Words that begin with `__label__` are left out, since they would be taken for labels, and so is
//!   what follows the word `</s>`. Prediction passes over the same.
//!
//! With one thread the same texts, in any order, and the same seed make the same file on processors
//! of one kind. Sums are made with the widest instructions there are, so that the last bits of
//! weights may differ on another kind.

mod examples;
#[cfg(test)]
mod tests;

use crate::{Progress, TrainingError};
use durable::AtomicFile;
use examples::{Example, Examples};
use fasttext::args::{Args, LossName, ModelName};
use models::ModelError;
use models::fasttext::{FastText, Scratch};
use std::path::{Path, PathBuf};

/// How a label is marked in training texts.
pub(crate) const LABEL_PREFIX: &str = "__label__";

/// What the output layer learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// One label of all, exactly: for few labels.
    Softmax,
    /// One label of all, by a tree: for many labels.
    HierarchicalSoftmax,
}

/// How a model is made smaller, for a `.ftz` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantization {
    /// Keep only so many words and n-grams, those with the largest weights; 0 keeps all.
    pub features_max: usize,
    /// Train once more with those that are kept.
    pub retrain: bool,
    /// Store the size of weights apart from their direction.
    pub norms: bool,
    /// Weights that share a code. fastText's default is 2.
    pub weights_per_code: usize,
}

/// How a model is trained. [`Options::default`] has the defaults of `fasttext supervised` 0.9.2;
/// [`crate::classifier`] and [`crate::lid`] have those of the recipe.
#[derive(Clone, Debug)]
pub struct Options {
    /// Length of the vectors. Default 100.
    pub dimension: usize,
    /// Passes through the texts. Default 5.
    pub epochs: usize,
    /// Size of the first steps. Default 0.1.
    pub learning_rate: f64,
    /// Words seen fewer times are left out. Default 1.
    pub word_count_min: usize,
    /// Longest run of words that is a feature of its own. Default 1: only words.
    pub word_ngrams: usize,
    /// Shortest and longest run of characters of a word that is a feature. Default 0, 0: none.
    pub char_ngrams: (usize, usize),
    /// Rows that runs of words and characters share by their hash. Default 2,000,000.
    pub buckets: usize,
    /// Default [`Loss::Softmax`].
    pub loss: Loss,
    /// Default 0.
    pub seed: u32,
    /// More than one makes training faster, and each model a little different. Default 1; upstream
    /// has 12.
    pub threads: usize,
    /// Share of the texts that are held out, 0 to 0.9. Default 0.1.
    pub held_out: f64,
    /// Default: none.
    pub quantization: Option<Quantization>,
    /// Where temporary files are, about twice the texts. Default: the system's folder.
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

/// What a model was made of, and how it did on the texts held out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// By the name of the label.
    pub labels: Vec<LabelSummary>,
}

/// The part of one label in a [`Summary`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSummary {
    /// Without `__label__`.
    pub label: String,
    /// Texts trained on.
    pub trained: u64,
    /// Texts held out.
    pub held_out: u64,
    /// Texts held out, of any label, for which this label was found.
    pub found: u64,
    /// Texts held out for which it was found and right.
    pub right: u64,
}

impl LabelSummary {
    /// Share of the texts for which it was found that have it; `None` where it never was.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.found)
    }

    /// Share of the texts that have it for which it was found; `None` where there are none.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.held_out)
    }
}

impl Summary {
    /// Share of the texts held out for which the right label was found; `None` where there are none.
    pub fn accuracy(&self) -> Option<f64> {
        let sum = |part: fn(&LabelSummary) -> u64| self.labels.iter().map(part).sum();
        share(sum(|label| label.right), sum(|label| label.held_out))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Collects labelled texts, in temporary files.
pub struct Trainer {
    options: Options,
    examples: Examples,
}

impl Trainer {
    /// Checks the options.
    pub fn new(options: Options) -> Result<Self, TrainingError> {
        check(&options)?;
        let examples = Examples::new(options.held_out, options.temporary_folder.clone())?;
        Ok(Self { options, examples })
    }

    /// Adds a text with its label, which comes without `__label__`. Line ends in the text are blanks.
    pub fn example(&mut self, label: &str, text: &str) -> Result<(), TrainingError> {
        self.examples.push(label, text)
    }

    /// Trains the model, writes it to `path`, and tries it on the texts held out.
    pub fn train(
        self,
        path: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Summary, TrainingError> {
        self.train_and_try(path, progress, &mut |_, _, _| ())
    }

    /// [`Self::train`], which also gives each text held out: its label, the label found and the
    /// probability of that.
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
            progress(Progress { stage: "making it smaller", done: 0, total: None });
            model.quantize(&quantize_args(args, quantization)).map_err(failed)?;
        }
        let write = || {
            let mut file = AtomicFile::create(path)?;
            model.save(&mut file).map_err(|error| std::io::Error::other(error.to_string()))?;
            file.finish()
        };
        let written = write().map_err(TrainingError::write(path))?;
        drop(model);

        let stage = "trying it on texts held out";
        let total = Some(summary.labels.iter().map(|label| label.held_out).sum());
        let model = FastText::open(written.temporary_path()).map_err(|error| match error {
            ModelError::Damaged { .. } => {
                TrainingError::Training("weights grew beyond all bounds".into())
            }
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
    let setting =
        |name, value: String, expected| Err(TrainingError::Setting { name, value, expected });
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
    // All fit: they were checked.
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
        // Rows that nothing can ask for would only make the file larger.
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
