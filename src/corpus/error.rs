//! What can go wrong with a corpus.

use std::io;
use std::path::{Path, PathBuf};

/// An error that names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The file is not what was written.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        what: String,
    },
    /// Another process writes.
    #[error(
        "{}: the corpus is being written by {owner}; wait for it, or end that process",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Process, machine and age of its last sign of life.
        owner: String,
    },
    /// There is no corpus.
    #[error(
        "{}: no corpus here (no commits/*.json); make one with: sluice build RECIPE.toml --corpus {}",
        path.display(), path.display()
    )]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A state file.
    #[error(transparent)]
    State(#[from] arrangement::Error),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |error| Error::Io { path: path.to_owned(), error }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), what: what.into() }
    }
}
