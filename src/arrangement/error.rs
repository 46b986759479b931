//! Errors of the files of an arrangement.

use std::io;
use std::path::{Path, PathBuf};

/// An error with a file of the arrangement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file failed.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A run that a manifest names cannot be opened.
    #[error(
        "cannot open {}; the corpus needs this file: make it readable, restore it from a backup, or rebuild the corpus",
        path.display()
    )]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file differs from what was written.
    #[error(
        "{}: byte {offset}: {what}; the file is damaged: restore it from a backup, or rebuild the corpus",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Place in the file.
        offset: u64,
        /// What was expected, and what was found.
        what: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), offset, what: what.into() }
    }
}
