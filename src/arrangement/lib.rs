//! The durable arrangement: `(key, ref, diff)` updates on disk, and the duplicate facts that follow
//! from them. Knows nothing of documents, text or timely.
//!
//! In reading order: [`Key`] and [`Update`], what is stored; `column`, `page` and `filter`, how;
//! [`Run`], one sorted file; `cursor`, looking up and reading; [`Batch`], an epoch's updates;
//! `merge`, several runs as one; [`duplicates`], the relation; [`Arrangement`], all the runs of one
//! worker, epoch after epoch.

mod arrangement;
mod batch;
mod column;
mod cursor;
pub mod duplicates;
mod filter;
mod key;
mod merge;
mod page;
mod run;

pub use arrangement::Arrangement;
pub use batch::Batch;
pub use cursor::{Reader, check};
pub use duplicates::{Copies, Rule, Scope};
pub use key::{Key, KeyRange, Update, consolidate, owner};
pub use run::{Run, RunMeta, RunWriter, disk_bytes};

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a file of the arrangement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A run that a manifest names cannot be opened.
    #[error(
        "{}: {error}; the corpus needs this file: make it readable, restore it from a backup, or rebuild the corpus",
        path.display()
    )]
    Unopened {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file is not what was written.
    #[error(
        "{}: byte {offset}: {what}; the file is damaged: restore it from a backup, or rebuild the corpus",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was expected and what was found.
        what: String,
    },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |error| Error::Io { path: path.to_owned(), error }
    }

    fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), offset, what: what.into() }
    }
}
