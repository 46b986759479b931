//! The error type of this crate.

use models::tokenizer::TokenizerError;
use std::io;
use std::path::{Path, PathBuf};

/// Why tokens cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the corpus, or of the folder of the export.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// The tokenizer cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// An operation on a file failed.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Temporary data cannot be written or read.
    #[error("temporary data in {}, which TMPDIR names", std::env::temp_dir().display())]
    Temporary(#[source] io::Error),
    /// What was asked for is not possible. The message says what is.
    #[error("{0}")]
    Usage(String),
    /// A file of an export differs from what was written.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, and what to do.
        what: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), what: what.into() }
    }
}
