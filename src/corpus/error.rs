//! The error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a corpus. Messages name the file and, if there is one, the remedy.
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
        /// What was expected, what was found, and what to do.
        what: String,
    },
    /// Another process is writing to the corpus.
    #[error(
        "{}: the corpus is being written by {owner}; wait for it, or end that process",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process, its machine, and the age of its last heartbeat.
        owner: String,
    },
    /// Another process has taken the lock since.
    #[error(
        "{}: the lock was lost to {owner}, while this process was stopped or cut off; that one goes on from the last commit",
        path.display()
    )]
    LockLost {
        /// The lock file.
        path: PathBuf,
        /// The process that has the lock now.
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
    /// The folder contains files of a corpus but no manifest.
    #[error(
        "{}: commits/ has no manifest, but there is data of a corpus ({found}); restore commits/ \
         from the folder that this one was copied from; nothing was changed",
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
    /// Files that the manifest names are missing or have another size.
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
    /// There are files that no manifest names, although no run was interrupted: a manifest is lost.
    #[error(
        "{}: no manifest names this file{}, and no run was cut short here that could have left it: \
         a manifest newer than commit {commit} is missing (deleted, or an older copy of commits/ \
         was put in its place); restore it, or: sluice verify --repair {} stays at commit {commit} \
         and moves the unnamed files to set-aside/; nothing was changed",
        path.display(),
        match count { 1 => String::new(), more => format!(" (and {} more)", more - 1) },
        root.display()
    )]
    Stray {
        /// The folder of the corpus.
        root: PathBuf,
        /// The first of the files.
        path: PathBuf,
        /// The number of such files.
        count: usize,
        /// The newest commit.
        commit: u64,
    },
    /// No commit is complete, so a repair has none to return to.
    #[error(
        "{}: no commit is whole, so there is none to go back to: {what}; restore what is missing \
         from a copy, or rebuild the corpus; nothing was changed",
        root.display()
    )]
    Beyond {
        /// The folder of the corpus.
        root: PathBuf,
        /// What is wrong with each commit.
        what: String,
    },
    /// A data file cannot be opened.
    #[error(
        "cannot open {}; the corpus needs this file: run the command again if another one has changed \
         the corpus meanwhile; otherwise restore it from a copy, or rebuild the corpus",
        path.display()
    )]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file in the folder of an export was not made by one.
    #[error(
        "--out {}: {} is {what}; choose a new or empty folder",
        out.display(), found.display()
    )]
    Foreign {
        /// The folder of the export.
        out: PathBuf,
        /// The file.
        found: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process exports to the folder.
    #[error("--out {}: another process exports to this folder; wait for it", out.display())]
    Busy {
        /// The folder of the export.
        out: PathBuf,
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
