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
    /// The folder holds files of a corpus and no manifest.
    #[error(
        "{}: commits/ has no manifest, but there is data of a corpus ({found}); restore commits/ \
         from where this folder was copied from; nothing was changed",
        root.display()
    )]
    NoManifest {
        /// The folder.
        root: PathBuf,
        /// One of its files.
        found: String,
    },
    /// The newest manifest is not what was written.
    #[error(
        "{}: this manifest is damaged: {what}; restore the file from a copy, or: sluice verify \
         --repair {} goes back to the newest commit that is whole, and says what that loses",
        path.display(), root.display()
    )]
    Damaged {
        /// The folder of the corpus.
        root: PathBuf,
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Files that the manifest names are not there, or have another size.
    #[error(
        "{missing}; commit {commit} needs it: restore it from a copy; without one: sluice verify \
         --repair {} goes back to the commit before if that is whole, else rebuild the corpus",
        root.display()
    )]
    Incomplete {
        /// The folder of the corpus.
        root: PathBuf,
        /// The newest commit.
        commit: u64,
        /// What is missing.
        missing: String,
    },
    /// Files that no manifest names, where no run was cut short.
    #[error(
        "{}: no manifest names this file{}, and no run was cut short here that could have left it: \
         a manifest after commit {commit} has gone (deleted, or an older copy of commits/ was put \
         in its place); restore it, or: sluice verify --repair {} stays at commit {commit} and \
         moves what is unnamed aside; nothing was changed",
        path.display(),
        match count { 1 => String::new(), more => format!(" (and {} more)", more - 1) },
        root.display()
    )]
    Stray {
        /// The folder of the corpus.
        root: PathBuf,
        /// The first of the files.
        path: PathBuf,
        /// How many there are.
        count: usize,
        /// The newest commit.
        commit: u64,
    },
    /// No commit can be gone back to.
    #[error(
        "{}: no commit is whole, so there is none to go back to: {what}; restore what is missing \
         from a copy, or rebuild the corpus; nothing was changed",
        root.display()
    )]
    Beyond {
        /// The folder of the corpus.
        root: PathBuf,
        /// What is wrong with each.
        what: String,
    },
    /// A data file that cannot be opened.
    #[error(
        "{}: {error}; the corpus needs this file: restore it from a copy, or rebuild the corpus",
        path.display()
    )]
    Unopened {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A state file.
    #[error(transparent)]
    State(#[from] arrangement::Error),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |error| Error::Io { path: path.to_owned(), error }
    }

    pub(crate) fn unopened(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |error| Error::Unopened { path: path.to_owned(), error }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), what: what.into() }
    }
}
