//! The header of a model file: its training options (`args.cc: Args::load`,
//! `fasttext.cc: checkModel`).
//!
//! ```text
//! i32 magic, version
//! i32 dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate
//! f64 t
//! ```

use crate::ModelError;
use crate::reader::ModelReader;
use std::io::BufRead;

const MAGIC: i32 = 793_712_314;
/// The version that fastText 0.9 writes.
const VERSION_NEWEST: i32 = 12;
/// Up to this version, supervised models had no character n-grams, whatever their header says.
const VERSION_WITHOUT_SUBWORDS: i32 = 11;
const MODEL_SUPERVISED: i32 = 3;
/// Longest n-grams that are accepted, more than anyone trains. A damaged length would take time
/// quadratic in the text.
const NGRAM_MAX: i32 = 64;

/// The training options that matter for prediction.
pub(super) struct Args {
    pub(super) dim: u64,
    pub(super) loss: Loss,
    /// Longest word n-gram that is a feature; 1 for single words only.
    pub(super) word_ngrams: usize,
    /// Shortest and longest character n-gram that is a feature; the longest is 0 if there are none.
    pub(super) minn: usize,
    pub(super) maxn: usize,
    /// Number of rows that the n-grams share by hash.
    pub(super) bucket: u32,
}

/// The loss of the output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    HierarchicalSoftmax,
    Softmax,
    /// Negative sampling and one-vs-all: each label has a probability of its own.
    Independent,
}

impl Args {
    pub(super) fn read<R: BufRead>(reader: &mut ModelReader<'_, R>) -> Result<Self, ModelError> {
        let version = read_version(reader)?;
        let dim = u64::from(reader.count32("dimension")?);
        for part in ["window", "epochs", "least count", "negatives"] {
            reader.i32(part)?;
        }
        let word_ngrams = reader.i32("word n-grams")?.max(1);
        let loss = reader.i32("loss")?;
        let model = reader.i32("kind of model")?;
        let bucket = reader.count32("number of buckets")?;
        let minn = reader.i32("shortest n-gram")?.max(0);
        let maxn = reader.i32("longest n-gram")?.max(0);
        reader.i32("rate of updates")?;
        reader.i64("sampling threshold")?;

        if model != MODEL_SUPERVISED {
            return Err(ModelError::NotSupervised { path: reader.path().to_owned() });
        }
        let loss = match loss {
            1 => Loss::HierarchicalSoftmax,
            3 => Loss::Softmax,
            2 | 4 => Loss::Independent,
            other => return Err(reader.damaged(format!("loss {other} is unknown"))),
        };
        let maxn = if version <= VERSION_WITHOUT_SUBWORDS { 0 } else { maxn };
        if word_ngrams.max(maxn) > NGRAM_MAX {
            return Err(
                reader.damaged(format!("its n-grams are up to {} long", word_ngrams.max(maxn)))
            );
        }
        if bucket == 0 && (word_ngrams > 1 || maxn > 0) {
            return Err(reader.damaged("it has n-grams but no buckets for them"));
        }
        let (word_ngrams, minn, maxn) = (word_ngrams as usize, minn as usize, maxn as usize);
        Ok(Self { dim, loss, word_ngrams, minn, maxn, bucket })
    }
}

fn read_version<R: BufRead>(reader: &mut ModelReader<'_, R>) -> Result<i32, ModelError> {
    let path = reader.path();
    let magic = reader.i32("magic number")?;
    if magic != MAGIC {
        let (found, expected) = (magic as u32, MAGIC as u32);
        return Err(ModelError::NotFastText { path: path.to_owned(), found, expected });
    }
    let found = reader.i32("version")?;
    if found <= VERSION_NEWEST {
        Ok(found)
    } else {
        Err(ModelError::Version { path: path.to_owned(), found, newest: VERSION_NEWEST })
    }
}
