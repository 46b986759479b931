//! Errors of a corpus.

use std::io;
use std::path::{Path, PathBuf};

/// An error with a corpus: the file, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file failed.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file differs from what was written.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        what: String,
    },
    /// Another process writes to the corpus.
    #[error(
        "{}: the corpus is being written by {owner}; wait for it, or end that process",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Process, machine, and age of its last heartbeat.
        owner: String,
    },
    /// The folder is not a corpus.
    #[error(
        "{}: no corpus here (no commits/*.json); make one with: sluice build RECIPE.toml --corpus {}",
        path.display(), path.display()
    )]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has files of a corpus but no manifest.
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
    /// The newest manifest is damaged.
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
    /// Files in the manifest are missing, or have another size.
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
    /// There are files that no manifest names, although no run was interrupted.
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
    /// There is no commit to return to.
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
        "cannot open {}; the corpus needs this file: restore it from a copy, or rebuild the corpus",
        path.display()
    )]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// An error with a state file.
    #[error(transparent)]
    State(#[from] arrangement::Error),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn unopened(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Unopened { path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), what: what.into() }
    }
}
