use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be trained. There is then no file at the output path.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A setting that no model can be trained with.
    #[error("{name} is {value}; {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: Cow<'static, str>,
    },
    /// A line of the training text that cannot be used.
    #[error("line {line} of the training text: {problem}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The training text as a whole is not enough to train on.
    #[error("the training text {0}")]
    Text(String),
    /// The training text could not be read.
    #[error("could not read the training text after line {line}")]
    Read {
        /// Lines read before.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The text was read, and no model came of it.
    #[error("training failed: {0}; a smaller learning rate may help")]
    Training(String),
    /// A temporary file could not be written or read.
    #[error("could not use a temporary file in {folder}; is the disk full?")]
    Temporary {
        /// Where temporary files are.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The model could not be written.
    #[error("could not write the model {path}")]
    Write {
        /// The model's file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl TrainingError {
    pub(crate) fn temporary(folder: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Temporary { folder: folder.to_owned(), source }
    }

    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn line(line: u64, problem: impl Into<String>) -> Self {
        Self::Line { line, problem: problem.into() }
    }
}
