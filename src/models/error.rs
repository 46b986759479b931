//! Why a model file cannot be used.

use std::path::PathBuf;

/// A model file that cannot be used, with the file, the place in it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened.
    #[error("cannot open the model {}", path.display())]
    Open {
        /// The model file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be read on.
    #[error("cannot read the model {} at byte {offset}", path.display())]
    Read {
        /// The model file.
        path: PathBuf,
        /// Where reading failed.
        offset: u64,
        /// What the system says.
        source: std::io::Error,
    },
    /// Of the two files that a language needs there is only one.
    #[error(
        "{} has no {wanted} beside {}; put it there, or take the other away to have no perplexity \
         for this language", dir.display(), found.display()
    )]
    Half {
        /// The folder of models.
        dir: PathBuf,
        /// The file that is there.
        found: PathBuf,
        /// The name of the other.
        wanted: String,
    },
    /// The file is of a kind or version that is not read here.
    #[error("{} {problem}; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file ends before the model does.
    #[error(
        "{} is cut short: its {part} at byte {offset} should take {wanted} bytes, {left} are left; \
         fetch the file again", path.display()
    )]
    Truncated {
        /// The model file.
        path: PathBuf,
        /// Where the part begins.
        offset: u64,
        /// What should stand there.
        part: &'static str,
        /// Its size by the file's own account, in bytes.
        wanted: u64,
        /// Size of the rest of the file, in bytes.
        left: u64,
    },
    /// The file contradicts itself.
    #[error("{} is damaged before byte {offset}: {problem}; fetch the file again", path.display())]
    Damaged {
        /// The model file.
        path: PathBuf,
        /// How far it was read.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line of an ARPA file is not what it has to be.
    #[error("{}, line {line}: {problem}; fetch or make the file again", path.display())]
    Line {
        /// The ARPA file.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file is something else.
    #[error(
        "{} is not a fastText model: it begins with {found:#010x}, not {expected:#010x}; \
         give a .bin or .ftz file, uncompressed", path.display()
    )]
    NotFastText {
        /// The file.
        path: PathBuf,
        /// Its first four bytes, as a little-endian number.
        found: u32,
        /// What every model begins with.
        expected: u32,
    },
    /// The model was written by a later fastText.
    #[error(
        "{} has fastText format version {found}, newest known is {newest}; \
         save it again with fastText 0.9", path.display()
    )]
    Version {
        /// The model file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version that is read.
        newest: i32,
    },
    /// The model is for something else.
    #[error(
        "{} has no label {wanted}, but {known}: it is not a classifier of pages; give one whose labels \
         are wiki and cc", path.display()
    )]
    NoLabel {
        /// The model file.
        path: PathBuf,
        /// The label that is missing.
        wanted: &'static str,
        /// The first labels that are there.
        known: String,
    },
    /// The model holds word vectors and no labels.
    #[error(
        "{} is an unsupervised fastText model, it has no labels to predict; \
         give one trained with `fasttext supervised`", path.display()
    )]
    NotSupervised {
        /// The model file.
        path: PathBuf,
    },
}
