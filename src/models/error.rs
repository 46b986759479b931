//! Errors of model files.

use std::path::PathBuf;

/// A model file that cannot be used, with the file, the offset in it and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened.
    #[error("cannot open the model {}", path.display())]
    Open {
        /// The model file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Reading the file failed.
    #[error("cannot read the model {} at byte {offset}", path.display())]
    Read {
        /// The model file.
        path: PathBuf,
        /// The offset at which reading failed.
        offset: u64,
        /// The cause.
        source: std::io::Error,
    },
    /// A language has only one of the two files that it needs.
    #[error(
        "{} has no {wanted} beside {}; add it, or remove the other file to have no perplexity for \
         this language", dir.display(), found.display()
    )]
    Half {
        /// The folder of models.
        dir: PathBuf,
        /// The file that exists.
        found: PathBuf,
        /// The name of the missing file.
        wanted: String,
    },
    /// The file has a kind or version that is not supported.
    #[error("{} {problem}; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        problem: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The file ends before the model does.
    #[error(
        "{} is cut short: its {part} at byte {offset} should take {wanted} bytes, but only {left} \
         remain; fetch the file again", path.display()
    )]
    Truncated {
        /// The model file.
        path: PathBuf,
        /// The offset at which the part begins.
        offset: u64,
        /// The missing part.
        part: &'static str,
        /// The part's size according to the file, in bytes.
        wanted: u64,
        /// Size of the rest of the file, in bytes.
        left: u64,
    },
    /// The file contradicts itself.
    #[error("{} is damaged before byte {offset}: {problem}; fetch the file again", path.display())]
    Damaged {
        /// The model file.
        path: PathBuf,
        /// The offset up to which the file was read.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line of an ARPA file is invalid.
    #[error("{}, line {line}: {problem}; fetch or make the file again", path.display())]
    Line {
        /// The ARPA file.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file is not a fastText model.
    #[error(
        "{} is not a fastText model: it begins with {found:#010x}, not {expected:#010x}; \
         use an uncompressed .bin or .ftz file", path.display()
    )]
    NotFastText {
        /// The file.
        path: PathBuf,
        /// Its first four bytes, as a little-endian number.
        found: u32,
        /// The number with which every model begins.
        expected: u32,
    },
    /// The model was written by a later fastText.
    #[error(
        "{} has fastText format version {found}, but the newest supported is {newest}; \
         save it again with fastText 0.9", path.display()
    )]
    Version {
        /// The model file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest supported version.
        newest: i32,
    },
    /// The model is not a classifier of pages.
    #[error(
        "{} has no label {wanted}, but {known}: it is not a classifier of pages; use one whose labels \
         are wiki and cc", path.display()
    )]
    NoLabel {
        /// The model file.
        path: PathBuf,
        /// The label that is missing.
        wanted: &'static str,
        /// The model's first labels.
        known: String,
    },
    /// The model holds word vectors and no labels.
    #[error(
        "{} is an unsupervised fastText model without labels; \
         use one trained with `fasttext supervised`", path.display()
    )]
    NotSupervised {
        /// The model file.
        path: PathBuf,
    },
}
